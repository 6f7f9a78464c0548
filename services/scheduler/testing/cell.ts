/** What the scheduler's tests share: a client's submits, the end of jobs as the log tells it, snapshots in memory. */
import type { Broker, LogMessage } from '#eventlog'
import { type DecisionEvent, decodeMessage, type Event, encodeCommit, type JobSpec, type Subjects } from '#schemas'
import type { LocalSnapshots } from '../snapshots.ts'

/** Submits one job under its own id; the same call again is the same message again. */
export const submit = (broker: Broker, subjects: Subjects, job: string, spec: JobSpec = { command: ['true'] }) => {
  const id = `${job}/submitted`
  const bytes = encodeCommit({ v: 1, id, source: 'test', time: 0, events: [{ type: 'submitted', job, spec }] })
  return broker.log.append({ subject: subjects.job(job, 'submitted'), id, bytes })
}

export const submitMany = (broker: Broker, subjects: Subjects, batch: string, jobs: readonly string[]) => {
  const id = `batch/${batch}/0`
  const events = jobs.map((job) => ({ type: 'submitted' as const, job, spec: { command: ['true'] } }))
  const bytes = encodeCommit({ v: 1, id, source: 'test', time: 0, events })
  return broker.log.append({ subject: subjects.batch(batch), id, bytes })
}

export type Seen = { event: Event; subject: string; sequence: number; epoch: number | null; counts: boolean }

/** Reads LOG as any reader does: each event with whether it counts (its epoch is the newest claim's before it). */
export class LogReader {
  readonly seen: Seen[] = []
  /** Messages that were no commits. */
  malformed = 0
  epoch = 0
  readonly #subjects: Subjects
  readonly #waiting = new Set<() => void>()

  constructor(broker: Broker, subjects: Subjects) {
    this.#subjects = subjects
    broker.log.follow({ from: 1, onMessages: (messages) => this.#read(messages) }).closed.catch(() => {})
  }

  #read(messages: readonly LogMessage[]): void {
    for (const { subject, sequence, bytes } of messages) {
      const parsed = this.#subjects.parse(subject)
      const decoded = parsed && decodeMessage(parsed, bytes)
      if (!parsed || decoded?.kind !== 'commit') {
        this.malformed++
        continue
      }
      const epoch = decoded.commit.epoch ?? null
      const fenced = (parsed.kind === 'decisions' || parsed.kind === 'orders') && epoch !== this.epoch
      if (parsed.kind === 'control') this.epoch = sequence
      for (const event of decoded.commit.events) this.seen.push({ event, subject, sequence, epoch, counts: !fenced })
    }
    for (const look of this.#waiting) look()
  }

  /** Resolves with what `find` gives, as soon as it gives something. */
  until<T>(find: (reader: LogReader) => T | undefined | false): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        const found = find(this)
        if (found === undefined || found === false) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Decisions that count, by job. */
  decisions(): Map<string, DecisionEvent[]> {
    const byJob = new Map<string, DecisionEvent[]>()
    for (const { event, subject, counts } of this.seen) {
      if (!counts || subject !== this.#subjects.decisions) continue
      const decision = event as DecisionEvent
      byJob.set(decision.job, [...(byJob.get(decision.job) ?? []), decision])
    }
    return byJob
  }

  /** Waits until each of these jobs has a terminal decision. */
  async untilEnded(jobs: readonly string[]): Promise<void> {
    const open = new Set(jobs)
    let from = 0
    await this.until(() => {
      for (; from < this.seen.length; from++) {
        const { event, counts } = this.seen[from]!
        if (counts && (event.type === 'finished' || event.type === 'cancelled' || event.type === 'rejected'))
          open.delete(event.job)
      }
      return open.size === 0 ? true : undefined
    })
  }
}

/** Snapshots that live as long as the test. */
export const snapshotsInMemory = (): LocalSnapshots & { saved: { position: number; bytes: Uint8Array }[] } => {
  const saved: { position: number; bytes: Uint8Array }[] = []
  return {
    saved,
    save: (position, bytes) => void saved.unshift({ position, bytes }),
    latest: (before = Number.MAX_SAFE_INTEGER) => saved.find(({ position }) => position < before) ?? null,
    close: () => {},
  }
}
