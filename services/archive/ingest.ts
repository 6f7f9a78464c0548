/**
 * From the log into the store: follows LOG from the checkpoint on and commits in groups, at once when idle and every
 * 10 ms when busy. Its place is the checkpoint in the file and nothing else, so it can be killed or interrupted anywhere.
 *
 *   check continuity ─▶ follow ─▶ commit, commit, …
 *        ▲                 │
 *        └──── wait ◀──────┴── broker trouble, or a disk that takes nothing (questions are answered meanwhile)
 *
 * Must never skip a message, and never go on over a gap: those end it, loudly (`failed`).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BrokerError, type EventLog, type LogMessage } from '#eventlog'
import type { Clock, Logger } from '#runtime'
import { type ArchiveStore, isStorageTrouble } from '#store'
import { checkContinuity } from './continuity.ts'

/** 10 ms was the best of what was tried when the pipeline was measured. */
const commitEveryMs = 10
/** Catching up: a transaction as large as this is committed at once, which also bounds what waits in memory. */
const commitBytesMax = 4 * 1024 * 1024
const brokerRetryMs = 250
/** Troubles that pass. Anything else ends the archive. */
const passing: ReadonlySet<string> = new Set(['gap', 'no-stream', 'timeout', 'unreachable', 'no-responder'])
const brokerTroublesPerLine = 40
const storageRetryMs = 1_000
const storageRetryMsMax = 5_000

export type IngestOptions = {
  log: EventLog
  store: ArchiveStore
  clock: Clock
  logger: Logger
  /** Called after each commit, and with it durable. */
  onCommit: (sequence: number) => void
}

export class Ingest {
  readonly #options: IngestOptions
  readonly #stopping = new AbortController()
  readonly #failed = rejectable()
  #pending: LogMessage[] = []
  #pendingBytes = 0
  #cancelTimer: (() => void) | null = null
  #lastCommitMs = Number.NEGATIVE_INFINITY
  #logCreatedMs = 0
  /** Whether what arrives now follows what is pending. */
  #open = false
  /** Ends the present follow: resolved to stop it, rejected with what went wrong in a commit. */
  #interrupt: { resolve(): void; reject(error: unknown): void } | null = null
  #following = false
  #running: Promise<void> | null = null
  #storageTroubles = 0
  #brokerTroubles = 0

  constructor(options: IngestOptions) {
    this.#options = options
  }

  /** Rejects when the archive can't go on: UserError `log-gap`, `log-rewound`, or what the store threw. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** Resolves when the log is found to be the right one and is followed. Rejects as `failed`. Call once. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running = this.#run(resolve).catch((error) => {
        this.#failed.reject(error)
        reject(error)
      })
    })
  }

  /** Commits what has arrived and stops. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#interrupt?.resolve()
    // Without a follow there is nothing to commit, and a question to a silent broker is not worth waiting for.
    if (this.#following) await this.#running
  }

  async #run(onFollowing: () => void): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const { log, store } = this.#options
        this.#logCreatedMs = (await checkContinuity(log, store)).createdMs
        if (signal.aborted) return
        await this.#follow(onFollowing)
      } catch (error) {
        if (signal.aborted) return
        await this.#waitAfter(error, signal)
      }
    }
  }

  async #follow(onFollowing: () => void): Promise<void> {
    const from = this.#options.store.checkpoint.sequence + 1
    const interrupted = new Promise<void>((resolve, reject) => {
      this.#interrupt = { resolve, reject }
    })
    this.#open = true
    this.#following = true
    this.#brokerTroubles = 0
    const follow = this.#options.log.follow({ from, onMessages: (messages) => this.#take(messages) })
    onFollowing()
    try {
      await Promise.race([follow.closed, interrupted])
    } finally {
      this.#interrupt = null
      if (this.#open && this.#pending.length > 0) this.#commit()
      this.#open = false
      await follow.stop().catch(() => {})
      this.#following = false
    }
  }

  #take(messages: readonly LogMessage[]): void {
    for (const message of messages) {
      if (!this.#open) return
      this.#pending.push(message)
      this.#pendingBytes += message.bytes.length
      if (this.#pendingBytes >= commitBytesMax) this.#commit()
    }
    if (this.#pending.length > 0 && this.#cancelTimer === null) this.#commitSoon()
  }

  #commitSoon(): void {
    const waitMs = this.#lastCommitMs + commitEveryMs - this.#options.clock.monotonicMs()
    if (waitMs > 0) {
      const timer = setTimeout(() => this.#commit(), waitMs)
      this.#cancelTimer = () => clearTimeout(timer)
    } else {
      const immediate = setImmediate(() => this.#commit())
      this.#cancelTimer = () => clearImmediate(immediate)
    }
  }

  /** Stores what is pending. When that fails the follow ends: the same messages come again from the log. */
  #commit(): void {
    const pending = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    this.#cancelTimer?.()
    this.#cancelTimer = null
    try {
      this.#store(pending)
    } catch (error) {
      this.#open = false
      if (this.#interrupt) this.#interrupt.reject(error)
      else if (!isStorageTrouble(error)) throw error
    }
  }

  #store(messages: readonly LogMessage[]): void {
    const { store, clock, logger, onCommit } = this.#options
    store.ingest(messages, this.#logCreatedMs)
    this.#lastCommitMs = clock.monotonicMs()
    if (this.#storageTroubles > 0) logger.info({ sequence: store.checkpoint.sequence }, 'the disk takes writes again')
    this.#storageTroubles = 0
    onCommit(store.checkpoint.sequence)
  }

  /** Waits before the next try, or throws when there is none. */
  async #waitAfter(error: unknown, signal: AbortSignal): Promise<void> {
    const { logger, store } = this.#options
    const { sequence } = store.checkpoint
    let waitMs = brokerRetryMs
    if (isStorageTrouble(error)) {
      waitMs = Math.min(storageRetryMs * 2 ** this.#storageTroubles++, storageRetryMsMax)
      logger.error({ err: error, sequence, retryMs: waitMs }, 'the disk takes no writes; answering from what is stored')
    } else if (!(error instanceof BrokerError) || !passing.has(error.code)) {
      throw error
    } else if (this.#brokerTroubles++ % brokerTroublesPerLine === 0) {
      // After a gap, continuity is checked next, and says precisely what happened.
      logger.warn({ err: error, code: error.code, sequence }, 'the log is out of reach')
    }
    await delay(waitMs, undefined, { signal }).catch(() => {})
  }
}

const rejectable = (): { promise: Promise<never>; reject(error: unknown): void } => {
  let reject!: (error: unknown) => void
  const promise = new Promise<never>((_, rejectIt) => {
    reject = rejectIt
  })
  promise.catch(() => {})
  return { promise, reject }
}
