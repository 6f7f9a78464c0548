/**
 * Publishes submissions. What is submitted while a commit is under way travels together in the next one: one fsync
 * and one acknowledgement pay for all of it. When nothing is under way a submission leaves at once.
 * Never reports a submission as taken before the broker has acknowledged its commit.
 */
import type { EventLog } from '#eventlog'
import { newId } from '#runtime'
import { encodeCommit, type JobSpec, limits, type Subjects } from '#schemas'
import { newSharedController, withSignals } from '../abort.ts'
import { fromBroker, orAborted } from './broker-errors.ts'

export type Submission = { readonly job: string; readonly spec: JobSpec; readonly bytes: number }
/** Where a submission stands in LOG. */
export type Placed = { readonly sequence: number; readonly index: number; readonly duplicate: boolean }

/** Commits under way at once. Two keep the wire busy while the next group gathers; more would make groups smaller. */
const window = 2
/** Room for the commit's header and what surrounds each spec. */
const headerBytesMax = 2048
const eventBytes = (submission: Submission) => submission.bytes + submission.job.length + 48

type Waiting = Submission & {
  actor: string | undefined
  signal: AbortSignal | undefined
  resolve: (placed: Placed) => void
  reject: (error: unknown) => void
}

export class Publisher {
  readonly #log: EventLog
  readonly #subjects: Subjects
  readonly #source: string
  readonly #closing = newSharedController()
  #waiting: Waiting[] = []
  #underWay = 0
  #scheduled = false

  constructor(log: EventLog, subjects: Subjects, source: string) {
    this.#log = log
    this.#subjects = subjects
    this.#source = source
  }

  /** Submits one job, together with others that are submitted in the same turn or while commits are under way. */
  submit(submission: Submission, options: { actor?: string; signal?: AbortSignal }): Promise<Placed> {
    const placed = new Promise<Placed>((resolve, reject) => {
      this.#waiting.push({ ...submission, actor: options.actor, signal: options.signal, resolve, reject })
      this.#schedule()
    })
    return orAborted(placed, options.signal)
  }

  /**
   * Publishes a job's own `submitted` on its own subject, refused when the subject has one already (`BrokerError`
   * wrong-last-sequence): for ids that somebody may have used before.
   */
  async submitFirst(submission: Submission, options: { actor?: string; signal?: AbortSignal }): Promise<Placed> {
    const message = {
      subject: this.#subjects.job(submission.job, 'submitted'),
      id: `${submission.job}/submitted`,
      bytes: this.#encode(`${submission.job}/submitted`, [submission], options.actor),
      expectLastSubjectSequence: 0,
    }
    const { sequence, duplicate } = await withSignals([options.signal, this.#closing.signal], (signal) =>
      this.#log.append(message, signal),
    )
    return { sequence, index: 0, duplicate }
  }

  /** Publishes many as batch commits, in order, `window` at a time. The batch's id makes the commits' ids. */
  async submitBatch(
    batch: string,
    submissions: readonly Submission[],
    options: { actor?: string; signal?: AbortSignal },
  ): Promise<Placed[]> {
    const groups = inGroups(submissions)
    const placed: Placed[][] = new Array(groups.length)
    let next = 0
    const work = async (signal: AbortSignal) => {
      for (let n = next++; n < groups.length; n = next++) {
        placed[n] = await this.#append(batch, n, groups[n]!, options.actor, signal)
      }
    }
    try {
      await withSignals([options.signal, this.#closing.signal], (signal) =>
        Promise.all(Array.from({ length: Math.min(window, groups.length) }, () => work(signal))),
      )
    } catch (error) {
      throw fromBroker(error, options.signal)
    }
    return placed.flat()
  }

  /** Gives up what is under way: its outcome is unknown. */
  close(): void {
    this.#closing.abort()
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= window) return
    this.#scheduled = true
    // A turn of the event loop: everything that asks in the same turn travels together.
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#underWay < window) {
      const group = this.#takeGroup()
      if (group.length > 0) void this.#publish(group)
    }
  }

  /** The longest run of submissions by one actor that fits into a commit; those given up meanwhile are dropped. */
  #takeGroup(): Waiting[] {
    const group: Waiting[] = []
    let bytes = headerBytesMax
    let taken = 0
    for (const waiting of this.#waiting) {
      if (waiting.signal?.aborted) {
        taken++
        continue
      }
      const size = eventBytes(waiting)
      const full = group.length === limits.commitEventsMax || (group.length > 0 && bytes + size > limits.commitBytesMax)
      if (full || (group.length > 0 && waiting.actor !== group[0]!.actor)) break
      bytes += size
      group.push(waiting)
      taken++
    }
    this.#waiting = this.#waiting.slice(taken)
    return group
  }

  async #publish(group: Waiting[]): Promise<void> {
    this.#underWay++
    const abandoned = new AbortController()
    const stopWatching = abortWhenAllGaveUp(group, abandoned)
    try {
      const placed = await withSignals([abandoned.signal, this.#closing.signal], (signal) =>
        group.length === 1
          ? this.#appendOne(group[0]!, signal)
          : this.#append(newId(), 0, group, group[0]!.actor, signal),
      )
      for (const [index, waiting] of group.entries()) waiting.resolve(placed[index]!)
    } catch (error) {
      for (const waiting of group) waiting.reject(fromBroker(error, waiting.signal))
    } finally {
      stopWatching()
      this.#underWay--
      this.#flush()
    }
  }

  async #appendOne(one: Waiting, signal: AbortSignal): Promise<Placed[]> {
    const id = `${one.job}/submitted`
    const bytes = this.#encode(id, [one], one.actor)
    const ack = await this.#log.append({ subject: this.#subjects.job(one.job, 'submitted'), id, bytes }, signal)
    return [{ sequence: ack.sequence, index: 0, duplicate: ack.duplicate }]
  }

  async #append(
    batch: string,
    n: number,
    group: readonly Submission[],
    actor: string | undefined,
    signal: AbortSignal,
  ): Promise<Placed[]> {
    const id = `batch/${batch}/${n}`
    const { sequence, duplicate } = await this.#log.append(
      { subject: this.#subjects.batch(batch), id, bytes: this.#encode(id, group, actor) },
      signal,
    )
    return group.map((_, index) => ({ sequence, index, duplicate }))
  }

  #encode(id: string, group: readonly Submission[], actor: string | undefined): Uint8Array {
    return encodeCommit({
      v: 1,
      id,
      source: this.#source,
      ...(actor === undefined ? {} : { actor }),
      time: Date.now(),
      events: group.map(({ job, spec }) => ({ type: 'submitted', job, spec })),
    })
  }
}

/** Cuts a list into groups that fit into a commit each. */
export const inGroups = <T extends Submission>(submissions: readonly T[]): T[][] => {
  const groups: T[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const submission of submissions) {
    const size = eventBytes(submission)
    const last = groups.at(-1)
    if (!last || bytes + size > limits.commitBytesMax || last.length === limits.commitEventsMax) {
      groups.push([submission])
      bytes = headerBytesMax + size
    } else {
      last.push(submission)
      bytes += size
    }
  }
  return groups
}

const abortWhenAllGaveUp = (group: readonly Waiting[], controller: AbortController): (() => void) => {
  if (group.some((waiting) => waiting.signal === undefined)) return () => {}
  let left = group.length
  const onAbort = () => {
    left--
    if (left === 0) controller.abort()
  }
  for (const waiting of group) waiting.signal!.addEventListener('abort', onAbort, { once: true })
  return () => {
    for (const waiting of group) waiting.signal!.removeEventListener('abort', onAbort)
  }
}
