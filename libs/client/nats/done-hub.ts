/**
 * Who waits for which job's end. Listens to the plain notices `mr.done.<id>`; a notice is not stored, so whoever may
 * have missed one asks the archive: at the start of a late wait, after a reconnect, and now and then while waiting.
 * Never takes a `rejected` notice at its word: it may speak of a second submission of an id whose first one stands.
 */
import type { Broker } from '#eventlog'
import { type DoneNotice, isDoneNotice, type Subjects } from '#schemas'
import { doneOfView } from '../done.ts'
import { ClientError, isClientError } from '../errors.ts'
import type { ArchiveQueries } from './archive-queries.ts'
import { orAborted } from './broker-errors.ts'

/** From here on one subscription to all notices is cheaper than one for each job. */
const singleSubscriptionsMax = 64
/** Jobs asked about in one round: a client that waits for 100,000 jobs must not flood the archive. */
const checksPerRoundMax = 256
const checksAtOnceMax = 8

type Watch = {
  readonly id: string
  /** LOG sequence of our own submission, 0 when unknown. */
  known: number
  /** Told once, besides the waiters: keeps the watch alive without any, from before the submission on. */
  onDone: ((notice: DoneNotice) => void) | null
  subscription: { stop(): void } | null
  readonly waiters: Set<{ resolve: (notice: DoneNotice) => void; reject: (error: unknown) => void }>
}

const decoder = new TextDecoder()

export class DoneHub {
  readonly #broker: Broker
  readonly #subjects: Subjects
  readonly #archive: ArchiveQueries
  readonly #checkMs: number
  readonly #watches = new Map<string, Watch>()
  #everything: { stop(): void } | null = null
  #timer: NodeJS.Timeout | null = null
  #checking = false
  #closed = false

  constructor(broker: Broker, subjects: Subjects, archive: ArchiveQueries, checkMs: number) {
    this.#checkMs = checkMs
    this.#broker = broker
    this.#subjects = subjects
    this.#archive = archive
    broker.onStatus((status) => {
      if (status === 'connected') void this.#checkWaiting()
    })
  }

  /** Call before the job is submitted: `onDone` then gets its end, whether or not anybody waits by then. */
  expect(id: string, onDone: (notice: DoneNotice) => void): void {
    this.#watch(id).onDone = onDone
  }

  /** A submission that was expected did not happen, or nobody cares any more. */
  forget(id: string): void {
    const watch = this.#watches.get(id)
    if (!watch) return
    watch.onDone = null
    this.#release(watch)
  }

  /** Resolves with the job's end. `known`: LOG sequence of this client's own submission of it. */
  async done(id: string, options: { known?: number; signal?: AbortSignal }): Promise<DoneNotice> {
    if (this.#closed) throw new ClientError('closed', 'The client was closed.')
    const late = !this.#watches.get(id)?.onDone
    const watch = this.#watch(id)
    watch.known = Math.max(watch.known, options.known ?? 0)
    const waiter = { resolve: (_: DoneNotice) => {}, reject: (_: unknown) => {} }
    const done = new Promise<DoneNotice>((resolve, reject) => Object.assign(waiter, { resolve, reject }))
    watch.waiters.add(waiter)
    this.#timer ??= setInterval(() => void this.#checkWaiting(), this.#checkMs).unref()
    if (late) void this.#check(watch, true)
    try {
      return await orAborted(done, options.signal)
    } finally {
      watch.waiters.delete(waiter)
      this.#release(watch)
    }
  }

  close(): void {
    this.#closed = true
    if (this.#timer) clearInterval(this.#timer)
    this.#everything?.stop()
    for (const watch of this.#watches.values()) {
      watch.subscription?.stop()
      for (const waiter of watch.waiters) waiter.reject(new ClientError('closed', 'The client was closed.'))
    }
    this.#watches.clear()
  }

  #watch(id: string): Watch {
    const before = this.#watches.get(id)
    if (before) return before
    const watch: Watch = { id, known: 0, onDone: null, subscription: null, waiters: new Set() }
    this.#watches.set(id, watch)
    if (!this.#everything && this.#watches.size > singleSubscriptionsMax) {
      this.#everything = this.#broker.notices.subscribe(this.#subjects.done('*'), this.#onNotice)
    }
    if (!this.#everything) watch.subscription = this.#broker.notices.subscribe(this.#subjects.done(id), this.#onNotice)
    return watch
  }

  #onNotice = (_subject: string, bytes: Uint8Array): void => {
    let notice: unknown
    try {
      notice = JSON.parse(decoder.decode(bytes))
    } catch {
      return
    }
    if (!isDoneNotice(notice)) return
    const watch = this.#watches.get(notice.id)
    if (!watch) return
    if (notice.state === 'rejected') void this.#check(watch, false, notice.seq)
    else this.#settle(watch, notice)
  }

  #settle(watch: Watch, notice: DoneNotice): void {
    watch.onDone?.(notice)
    watch.onDone = null
    for (const waiter of watch.waiters) waiter.resolve(notice)
    watch.waiters.clear()
    this.#release(watch)
  }

  /** Forgets a watch that nobody needs any more. */
  #release(watch: Watch): void {
    if (watch.waiters.size > 0 || watch.onDone) return
    watch.subscription?.stop()
    if (this.#watches.get(watch.id) === watch) this.#watches.delete(watch.id)
    if (this.#watches.size === 0) {
      this.#everything?.stop()
      this.#everything = null
      if (this.#timer) clearInterval(this.#timer)
      this.#timer = null
    }
  }

  /** Asks the archive. Only a first, late look may conclude that there is no such job. */
  async #check(watch: Watch, late: boolean, atLeast = 0): Promise<void> {
    try {
      // Whatever was decided before we subscribed is in the log by now: an archive that reflects it can't miss it.
      const last = late ? (await this.#broker.log.info()).last : 0
      const atLeastSequence = Math.max(last, watch.known, atLeast)
      const view = await this.#archive.query('job', { id: watch.id, atLeastSequence })
      if (view.id !== watch.id) throw new ClientError('not-found', `There is no job ${watch.id}.`)
      const done = doneOfView(view)
      if (done) this.#settle(watch, done)
    } catch (error) {
      if (!late || !isClientError(error) || error.code === 'not-yet' || error.code === 'closed') return
      if (error.code === 'broker-unreachable') return
      for (const waiter of watch.waiters) waiter.reject(error)
    }
  }

  async #checkWaiting(): Promise<void> {
    if (this.#checking || this.#closed) return
    this.#checking = true
    const waiting = [...this.#watches.values()].filter((watch) => watch.waiters.size > 0)
    const round = waiting.slice(0, checksPerRoundMax)
    const work = async () => {
      for (let watch = round.pop(); watch && !this.#closed; watch = round.pop()) {
        await this.#check(watch, false)
        // To the end of the line, so that the next round asks about others.
        if (this.#watches.get(watch.id) !== watch) continue
        this.#watches.delete(watch.id)
        this.#watches.set(watch.id, watch)
      }
    }
    await Promise.all(Array.from({ length: checksAtOnceMax }, work))
    this.#checking = false
  }
}
