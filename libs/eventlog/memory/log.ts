/**
 * LOG in memory: what the JetStream one promises, without a server. Shared by all brokers of a cell; each broker reads
 * it through its own `EventLog` (broker.ts).
 */
import { limits, type Subjects } from '#schemas'
import { type Ack, BrokerError, type LogInfo, type LogMessage, type OutgoingMessage } from '../port.ts'
import { subjectFilter } from './subject-filter.ts'

/** A host's durable consumer: position of the last acknowledged message. */
export type HostConsumer = { acknowledged: number; isOf: (subject: string) => boolean }

export class MemoryLog {
  readonly #subjects: Subjects
  readonly #nowMs: () => number
  readonly #bytesMax: number
  readonly #isOurs: ((subject: string) => boolean)[]
  readonly #messages: LogMessage[] = []
  readonly #lastOfSubject = new Map<string, number>()
  /** Sequence and time by id, as long as the dedupe window lasts. */
  readonly #ids = new Map<string, { sequence: number; timeMs: number }>()
  readonly #hosts = new Map<string, HostConsumer>()
  readonly #readers = new Set<() => void>()
  readonly #createdMs: number
  #bytes = 0

  constructor(subjects: Subjects, nowMs: () => number, bytesMax: number) {
    this.#subjects = subjects
    this.#nowMs = nowMs
    this.#bytesMax = bytesMax
    this.#isOurs = subjects.logSubjects.map(subjectFilter)
    this.#createdMs = nowMs()
  }

  /** @throws BrokerError: too-large, wrong-last-sequence, no-space, no-stream (a subject that is not LOG's). */
  append({ subject, id, bytes, expectLastSubjectSequence }: OutgoingMessage): Ack {
    if (bytes.length > limits.commitBytesMax)
      throw new BrokerError('too-large', `${subject}: ${bytes.length} bytes; the limit is ${limits.commitBytesMax}.`)
    if (!this.#isOurs.some((matches) => matches(subject)))
      throw new BrokerError('no-stream', `No stream takes ${subject}.`)
    const timeMs = Math.max(Math.floor(this.#nowMs()), this.#messages.at(-1)?.timeMs ?? 0)
    const known = this.#ids.get(id)
    if (known !== undefined && timeMs - known.timeMs < limits.dedupeWindowMs)
      return { sequence: known.sequence, duplicate: true }
    const last = this.#lastOfSubject.get(subject) ?? 0
    if (expectLastSubjectSequence !== undefined && expectLastSubjectSequence !== last)
      throw new BrokerError(
        'wrong-last-sequence',
        `${subject}: its last sequence is ${last}, not ${expectLastSubjectSequence}.`,
      )
    if (this.#bytes + bytes.length > this.#bytesMax)
      throw new BrokerError('no-space', `LOG is full (${this.#bytesMax} bytes).`)
    const sequence = this.#messages.length + 1
    this.#messages.push({ subject, sequence, timeMs, id, bytes: bytes.slice() })
    this.#lastOfSubject.set(subject, sequence)
    this.#forgetIds(timeMs)
    if (id !== '') this.#ids.set(id, { sequence, timeMs })
    this.#bytes += bytes.length
    for (const wake of this.#readers) wake()
    return { sequence, duplicate: false }
  }

  info(): LogInfo {
    const last = this.#messages.length
    return { first: 1, last, messages: last, bytes: this.#bytes, createdMs: this.#createdMs }
  }
  get(sequence: number): LogMessage | null {
    return this.#messages[sequence - 1] ?? null
  }
  last(subject: string): LogMessage | null {
    return this.get(this.#lastOfSubject.get(subject) ?? 0)
  }
  /** Up to `max` messages from this sequence on. */
  slice(from: number, max: number): readonly LogMessage[] {
    return this.#messages.slice(from - 1, from - 1 + max)
  }
  /** Calls `wake` after each append until the returned function is called. */
  listen(wake: () => void): () => void {
    this.#readers.add(wake)
    return () => this.#readers.delete(wake)
  }
  host(host: string): HostConsumer | undefined {
    return this.#hosts.get(host)
  }
  ensureHost(host: string, from: number): void {
    if (this.#hosts.has(host)) return
    const filters = this.#subjects.ofHost(host).map(subjectFilter)
    this.#hosts.set(host, { acknowledged: from - 1, isOf: (subject) => filters.some((matches) => matches(subject)) })
    for (const wake of this.#readers) wake()
  }

  /** Ids in order of their time, so the old ones stand first. */
  #forgetIds(nowMs: number): void {
    for (const [id, { timeMs }] of this.#ids) {
      if (nowMs - timeMs < limits.dedupeWindowMs) return
      this.#ids.delete(id)
    }
  }
}
