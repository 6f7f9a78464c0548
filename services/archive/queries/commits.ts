/** Decoded messages of the event store, the last few of them remembered: neighbours are asked for together. */
import {
  type Commit,
  decodeMessage,
  type JobSpec,
  type LogSubject,
  positionOf,
  type Subjects,
  sequenceOf,
} from '#schemas'
import type { ArchiveStore, JobRow } from '#store'

export type StoredCommit = { readonly subject: LogSubject; readonly timeMs: number; readonly commit: Commit }

/** A commit is at most 256 KiB of JSON, some megabytes as values. */
const kept = 16

export class Commits {
  readonly #log: ArchiveStore['log']
  readonly #subjects: Subjects
  readonly #recent = new Map<number, StoredCommit | null>()

  constructor(log: ArchiveStore['log'], subjects: Subjects) {
    this.#log = log
    this.#subjects = subjects
  }

  /** Null when there is no such message, or when it holds no events that can be read. */
  at(sequence: number): StoredCommit | null {
    const known = this.#recent.get(sequence)
    if (known !== undefined) return known
    const read = this.#read(sequence)
    if (this.#recent.size >= kept) this.#recent.delete(this.#recent.keys().next().value!)
    this.#recent.set(sequence, read)
    return read
  }

  /** The spec of a job as it was submitted; null when its submission held none that could be read. */
  specOf({ id, submission }: JobRow): JobSpec | null {
    if (submission === null) return null
    const sequence = sequenceOf(submission)
    const event = this.at(sequence)?.commit.events[submission - positionOf(sequence, 0)]
    return event?.type === 'submitted' && event.job === id ? event.spec : null
  }

  #read(sequence: number): StoredCommit | null {
    const message = this.#log.get(sequence)
    const subject = message && this.#subjects.parse(message.subject)
    if (!message || !subject) return null
    const decoded = decodeMessage(subject, message.bytes)
    return decoded.kind === 'commit' ? { subject, timeMs: message.timeMs, commit: decoded.commit } : null
  }
}
