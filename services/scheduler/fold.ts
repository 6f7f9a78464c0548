/**
 * The fold: messages of LOG into the cluster, one after the other, synchronously. Any bytes are fine: what has no
 * effect is counted by the domain. What the domain throws is a fault of ours: it is passed on with the position, and
 * nobody may skip the message.
 */

import { type Cluster, evolve } from '#domain'
import type { LogMessage } from '#eventlog'
import { type Commit, type Decoded, decodeMessage, type Event, type LogSubject, type Subjects } from '#schemas'

/** What the rest of the scheduler wants to know of a message, besides its effect on the cluster. */
export type FoldListener = {
  /** A host joined (again); its consumer starts at this sequence. */
  onJoined(host: string, consumerFrom: number): void
  onFact(host: string): void
  onClaim(claim: { epoch: number; leader: string }): void
  /** An order or decision that counts; only called while `live`. */
  onLiveEvent(event: Event, host: string | null): void
}

const unknownSubject: Decoded = { kind: 'malformed', reason: 'schema', job: null, faults: [] }

export class Fold {
  readonly cluster: Cluster
  /**
   * Host → where its consumer starts: the newest claim before its first `joined`, so that the agent sees the epoch of
   * its first orders in its own stream and can fence by itself; the `joined` where nobody had claimed yet.
   */
  readonly consumerFrom: Map<string, number>
  /** Sequence of the last message folded. */
  sequence: number
  /** Set once the log was caught up with: from then on events are news. */
  live = false
  readonly #subjects: Subjects
  readonly #listener: FoldListener
  readonly #own = new Map<string, { subject: string; bytes: Uint8Array; commit: Commit }>()

  constructor(
    start: { cluster: Cluster; consumerFrom: Map<string, number>; sequence: number },
    subjects: Subjects,
    listener: FoldListener,
  ) {
    this.cluster = start.cluster
    this.consumerFrom = start.consumerFrom
    this.sequence = start.sequence
    this.#subjects = subjects
    this.#listener = listener
  }

  /** Own commits that are under way: their echo is recognised by id and bytes and not parsed again. */
  expectOwn(commits: readonly { id: string; subject: string; bytes: Uint8Array; commit: Commit }[]): void {
    this.#own.clear()
    for (const own of commits) this.#own.set(own.id, own)
  }

  /** Folds one message; throws FoldError. */
  message(message: LogMessage): void {
    const subject = this.#subjects.parse(message.subject)
    try {
      const decoded = subject === null ? unknownSubject : (this.#echo(message) ?? decodeMessage(subject, message.bytes))
      const fencedBefore = this.cluster.counts.fenced
      evolve(this.cluster, { subject, sequence: message.sequence, timeMs: message.timeMs, decoded })
      this.sequence = message.sequence
      if (subject !== null && decoded.kind === 'commit' && this.cluster.counts.fenced === fencedBefore)
        this.#tell(subject, message.sequence, decoded.commit.events)
    } catch (error) {
      throw new FoldError(message, error)
    }
  }

  #echo(message: LogMessage): Decoded | null {
    if (message.id === '') return null
    const own = this.#own.get(message.id)
    if (!own || own.subject !== message.subject || Buffer.compare(own.bytes, message.bytes) !== 0) return null
    return { kind: 'commit', commit: own.commit }
  }

  #tell(subject: LogSubject, sequence: number, events: readonly Event[]): void {
    if (subject.kind === 'facts') {
      for (const event of events) {
        if (event.type !== 'joined') continue
        const from = this.consumerFrom.get(subject.host) ?? this.cluster.leader?.epoch ?? sequence
        this.consumerFrom.set(subject.host, from)
        this.#listener.onJoined(subject.host, from)
      }
      if (this.live) this.#listener.onFact(subject.host)
    } else if (subject.kind === 'control') {
      for (const event of events) {
        if (event.type === 'leader-claimed') this.#listener.onClaim({ epoch: sequence, leader: event.leader })
      }
    }
    if (!this.live || subject.kind === 'job' || subject.kind === 'batch' || subject.kind === 'decisions') return
    const host = subject.kind === 'facts' || subject.kind === 'orders' ? subject.host : null
    for (const event of events) this.#listener.onLiveEvent(event, host)
  }
}

/** The domain could not fold a message: stop here, loudly; going on would make another state than everybody else's. */
export class FoldError extends Error {
  readonly sequence: number
  readonly subject: string
  constructor(message: LogMessage, cause: unknown) {
    super(
      `Message ${message.sequence} on ${message.subject} can't be folded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
    this.name = 'FoldError'
    this.sequence = message.sequence
    this.subject = message.subject
  }
}
