/**
 * The rows that the projection works on, between the transactions: loaded when first needed, changed in memory, written
 * once a transaction however many events touched them. Bounded: what has ended is forgotten first, then the oldest.
 * After a transaction that failed the cache must be dropped, because it is ahead of the file.
 */
import { isTerminalState } from '#schemas'
import {
  type AttemptRow,
  type CellRow,
  type HostRow,
  type JobRow,
  type JobState,
  newJobRow,
  type Rows,
} from './rows.ts'
import type { RowSink, RowSource } from './tables.ts'

type Entry = {
  readonly row: JobRow
  readonly attempts: Map<number, AttemptRow>
  /** What the file says: no row, a row that is only named, or one with its submission. */
  stored: 'no' | 'named' | 'submitted'
  storedState: JobState | null
  changed: boolean
}

type Indexed = { job: number; position: number; type: string }

export class RowCache implements Rows {
  readonly cell: CellRow
  readonly #source: RowSource
  readonly #jobs = new Map<string, Entry>()
  readonly #jobsMax: number
  readonly #changedJobs = new Set<Entry>()
  readonly #changedAttempts = new Set<AttemptRow>()
  readonly #changedHosts = new Set<HostRow>()
  #indexed: Indexed[] = []
  #hosts: Map<string, HostRow> | null = null

  constructor(source: RowSource, cell: CellRow, jobsMax = 50_000) {
    this.#source = source
    this.cell = cell
    this.#jobsMax = jobsMax
  }

  /** Jobs held at present. */
  get size(): number {
    return this.#jobs.size
  }

  job(id: string): JobRow | null {
    return this.#entry(id)?.row ?? null
  }

  addJob(key: number, id: string): JobRow {
    const row = newJobRow(key, id)
    const entry: Entry = { row, attempts: new Map(), stored: 'no', storedState: null, changed: true }
    this.#jobs.set(id, entry)
    this.#changedJobs.add(entry)
    return row
  }

  attempt(job: JobRow, n: number): AttemptRow | null {
    const { attempts, stored } = this.#entry(job.id)!
    const held = attempts.get(n)
    if (held || stored === 'no') return held ?? null
    const row = this.#source.attempt(job.key, n)
    if (row) attempts.set(n, row)
    return row
  }

  addAttempt(job: JobRow, attempt: AttemptRow): void {
    this.#entry(job.id)!.attempts.set(attempt.n, attempt)
    this.changedAttempt(job, attempt)
  }

  host(id: string): HostRow | null {
    return this.#allHosts().get(id) ?? null
  }

  addHost(host: HostRow): void {
    this.#allHosts().set(host.id, host)
    this.changedHost(host)
  }

  changedJob(job: JobRow): void {
    const entry = this.#entry(job.id)!
    entry.changed = true
    this.#changedJobs.add(entry)
  }

  changedAttempt(job: JobRow, attempt: AttemptRow): void {
    this.#changedAttempts.add(attempt)
    this.#changedJobs.add(this.#entry(job.id)!)
  }

  changedHost(host: HostRow): void {
    this.#changedHosts.add(host)
  }

  indexEvent(job: JobRow, position: number, type: string): void {
    this.#indexed.push({ job: job.key, position, type })
    this.#changedJobs.add(this.#entry(job.id)!)
  }

  /** Writes everything that changed. Call inside the transaction, once it can't fail any more call `settle`. */
  write(sink: RowSink): void {
    const counts = new Map<JobState, number>()
    for (const entry of this.#changedJobs) {
      const { row, stored, storedState } = entry
      if (!entry.changed) continue
      if (stored === 'no') sink.insertJob(row)
      else sink.updateJob(row, stored === 'named')
      if (row.state === storedState) continue
      if (storedState !== null) counts.set(storedState, (counts.get(storedState) ?? 0) - 1)
      if (row.state !== null) counts.set(row.state, (counts.get(row.state) ?? 0) + 1)
    }
    for (const attempt of this.#changedAttempts) sink.putAttempt(attempt)
    for (const host of this.#changedHosts) sink.putHost(host)
    for (const { job, position, type } of this.#indexed) sink.indexEvent(job, position, type)
    for (const [state, change] of counts) if (change !== 0) sink.count(state, change)
  }

  /** After the commit: what was written is the file's, and what is not needed soon is forgotten. */
  settle(): void {
    for (const entry of this.#changedJobs) {
      const { row } = entry
      entry.changed = false
      entry.storedState = row.state
      entry.stored = row.state === null ? 'named' : 'submitted'
      this.#jobs.delete(row.id)
      if (row.state !== null && isTerminalState(row.state)) continue
      for (const n of entry.attempts.keys()) if (n !== row.attempt) entry.attempts.delete(n)
      this.#jobs.set(row.id, entry)
    }
    for (const id of this.#jobs.keys()) {
      if (this.#jobs.size <= this.#jobsMax) break
      this.#jobs.delete(id)
    }
    this.#changedJobs.clear()
    this.#changedAttempts.clear()
    this.#changedHosts.clear()
    this.#indexed = []
  }

  #entry(id: string): Entry | undefined {
    const held = this.#jobs.get(id)
    if (held) return held
    const row = this.#source.job(id)
    if (!row) return undefined
    const entry: Entry = {
      row,
      attempts: new Map(),
      stored: row.state === null ? 'named' : 'submitted',
      storedState: row.state,
      changed: false,
    }
    this.#jobs.set(id, entry)
    // Loaded in a transaction, so dropped or renewed at its end.
    this.#changedJobs.add(entry)
    return entry
  }

  #allHosts(): Map<string, HostRow> {
    this.#hosts ??= new Map(this.#source.hosts().map((host) => [host.id, host]))
    return this.#hosts
  }
}
