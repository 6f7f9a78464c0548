/**
 * Publishing one pass: the decisions first, then the hosts' orders (side by side, each host's in order), each message again and again with the same id and
 * bytes until it is in the log or the reign is over. A pass is over when all of it was folded from the log, whether
 * an acknowledgement told us or the echo itself. Must never give up a message while still leading: the next plan
 * builds on it.
 */
import { BrokerError, type EventLog } from '#eventlog'
import type { Logger } from '#runtime'
import type { OutgoingCommit, PlannedCommits } from './commits.ts'

export type PassOptions = {
  log: Pick<EventLog, 'append'>
  logger: Logger
  commits: PlannedCommits
  /** Aborted when the reign ends: what is not yet sent stays unsent, readers ignore the rest by its epoch. */
  signal: AbortSignal
  /** A commit is in the log (with its notices to publish). Called once for each. */
  onStored: (commit: OutgoingCommit, sequence: number) => void
}

const firstPauseMs = 50
const longestPauseMs = 5_000

export class Pass {
  readonly #options: PassOptions
  readonly #waiting: Map<string, OutgoingCommit>
  readonly #stored = new Map<string, () => void>()
  #lastSequence = 0

  constructor(options: PassOptions) {
    this.#options = options
    const { decisions, orders } = options.commits
    this.#waiting = new Map([...decisions, ...orders].map((commit) => [commit.id, commit]))
  }

  /** Resolves when everything is stored or the signal was aborted; rejects only when the connection was closed for good. */
  async publish(): Promise<void> {
    const { decisions, orders } = this.#options.commits
    await this.#storeInOrder(decisions)
    const bySubject = new Map<string, OutgoingCommit[]>()
    for (const order of orders) bySubject.set(order.subject, [...(bySubject.get(order.subject) ?? []), order])
    await Promise.all([...bySubject.values()].map((commits) => this.#storeInOrder(commits)))
  }

  /** Appends under way at the same time may be stored in any order: what needs one is awaited. */
  async #storeInOrder(commits: readonly OutgoingCommit[]): Promise<void> {
    for (const commit of commits) await this.#store(commit)
  }

  /** The message with this id was folded. Cheap for foreign ids. */
  seen(id: string, sequence: number): void {
    const commit = this.#waiting.get(id)
    if (commit) this.#settle(commit, sequence)
  }

  /** True when every commit is stored and folded. */
  isOver(foldedSequence: number): boolean {
    return this.#waiting.size === 0 && this.#lastSequence <= foldedSequence
  }

  #settle(commit: OutgoingCommit, sequence: number): void {
    if (!this.#waiting.delete(commit.id)) return
    if (sequence > this.#lastSequence) this.#lastSequence = sequence
    this.#options.onStored(commit, sequence)
    this.#stored.get(commit.id)?.()
    this.#stored.delete(commit.id)
  }

  async #store(commit: OutgoingCommit): Promise<void> {
    const { signal } = this.#options
    if (signal.aborted) return
    // The echo may be here before the acknowledgement, or instead of one that got lost: then nothing is sent again.
    const stop = new AbortController()
    const onAbort = () => stop.abort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#stored.set(commit.id, onAbort)
    try {
      await this.#append(commit, stop.signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#stored.delete(commit.id)
    }
  }

  async #append(commit: OutgoingCommit, signal: AbortSignal): Promise<void> {
    const { log, logger } = this.#options
    for (let refusals = 0; !signal.aborted; refusals++) {
      try {
        const ack = await log.append({ subject: commit.subject, id: commit.id, bytes: commit.bytes }, signal)
        return this.#settle(commit, ack.sequence)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof BrokerError && error.code === 'closed') throw error
        const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(refusals, 10))
        logger.warn({ err: error, commit: commit.id, subject: commit.subject, pauseMs }, 'commit refused, trying again')
        await pause(pauseMs, signal)
      }
    }
  }
}

/** Waits, or less when aborted. Never rejects. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
