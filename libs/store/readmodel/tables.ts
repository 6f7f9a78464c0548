/** The read model's statements: what the row cache loads, and what a transaction writes. SQL and nothing else. */
import type Database from 'better-sqlite3'
import {
  assignments,
  attemptColumns,
  binder,
  cellColumns,
  hostColumns,
  insertion,
  jobColumns,
  jobFixedColumns,
  jobMovingColumns,
  selection,
} from './columns.ts'
import type { AttemptRow, CellRow, HostRow, JobRow, JobState } from './rows.ts'

/** Where the row cache finds rows that it does not hold. */
export interface RowSource {
  job(id: string): JobRow | null
  attempt(job: number, n: number): AttemptRow | null
  hosts(): HostRow[]
}

/** What the row cache writes in one transaction. */
export interface RowSink {
  insertJob(job: JobRow): void
  /** `whole`: also what is fixed by the submission. */
  updateJob(job: JobRow, whole: boolean): void
  putAttempt(attempt: AttemptRow): void
  putHost(host: HostRow): void
  indexEvent(job: number, position: number, type: string): void
  count(state: JobState, change: number): void
}

type StoredJob = Omit<JobRow, 'cancelAsked'> & { cancelAsked: number }

/** A row as the projection knows it: SQLite has no booleans. */
export const jobFromStored = (row: JobRow): JobRow => ({
  ...row,
  cancelAsked: (row as unknown as StoredJob).cancelAsked === 1,
})

export class Tables implements RowSource, RowSink {
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: Database.Database) {
    this.#statements = prepare(db)
  }

  job(id: string): JobRow | null {
    const row = this.#statements.job.get(id)
    return row ? jobFromStored(row) : null
  }
  attempt(job: number, n: number): AttemptRow | null {
    return this.#statements.attempt.get(job, n) ?? null
  }
  hosts(): HostRow[] {
    return this.#statements.hosts.all()
  }
  /** The checkpoint; null in a new file. */
  cell(): CellRow | null {
    return this.#statements.cell.get() ?? null
  }
  counts(): Record<string, number> {
    return Object.fromEntries(this.#statements.counts.all().map(({ state, jobs }) => [state, jobs]))
  }

  insertJob(job: JobRow): void {
    this.#statements.insertJob.run(jobValues(job))
  }
  updateJob(job: JobRow, whole: boolean): void {
    if (whole) this.#statements.updateWholeJob.run(...jobValues(job), job.key)
    else this.#statements.updateJob.run(...jobMovingValues(job), job.key)
  }
  putAttempt(attempt: AttemptRow): void {
    this.#statements.putAttempt.run(attemptValues(attempt))
  }
  putHost(host: HostRow): void {
    this.#statements.putHost.run(hostValues(host))
  }
  putCell(cell: CellRow): void {
    this.#statements.putCell.run(1, ...cellValues(cell))
  }
  indexEvent(job: number, position: number, type: string): void {
    this.#statements.indexEvent.run(job, position, type)
  }
  count(state: JobState, change: number): void {
    this.#statements.count.run(state, change)
    // A state that nobody is in has no row, however the messages were grouped on the way.
    this.#statements.uncount.run(state)
  }
}

const jobValues = binder<JobRow>(jobColumns)
const jobMovingValues = binder<JobRow>(jobMovingColumns)
const attemptValues = binder<AttemptRow>(attemptColumns)
const hostValues = binder<HostRow>(hostColumns)
const cellValues = binder<CellRow>(cellColumns)

const prepare = (db: Database.Database) => ({
  job: db.prepare<[string], JobRow>(`SELECT ${selection(jobColumns)} FROM jobs WHERE id = ?`),
  attempt: db.prepare<[number, number], AttemptRow>(
    `SELECT ${selection(attemptColumns)} FROM attempts WHERE job = ? AND n = ?`,
  ),
  hosts: db.prepare<[], HostRow>(`SELECT ${selection(hostColumns)} FROM hosts ORDER BY id`),
  cell: db.prepare<[], CellRow>(`SELECT ${selection(cellColumns)} FROM cell`),
  counts: db.prepare<[], { state: string; jobs: number }>('SELECT state, jobs FROM state_counts WHERE jobs > 0'),
  insertJob: db.prepare(insertion('jobs', jobColumns)),
  updateWholeJob: db.prepare(
    `UPDATE jobs SET ${assignments({ ...jobFixedColumns, ...jobMovingColumns })} WHERE key = ?`,
  ),
  updateJob: db.prepare(`UPDATE jobs SET ${assignments(jobMovingColumns)} WHERE key = ?`),
  putAttempt: db.prepare(insertion('attempts', attemptColumns, 'INSERT OR REPLACE')),
  putHost: db.prepare(insertion('hosts', hostColumns, 'INSERT OR REPLACE')),
  putCell: db.prepare(insertion('cell', { one: 'one', ...cellColumns }, 'INSERT OR REPLACE')),
  indexEvent: db.prepare('INSERT INTO job_events (job, position, type) VALUES (?, ?, ?)'),
  count: db.prepare(
    'INSERT INTO state_counts (state, jobs) VALUES (?, ?) ON CONFLICT (state) DO UPDATE SET jobs = jobs + excluded.jobs',
  ),
  uncount: db.prepare('DELETE FROM state_counts WHERE state = ? AND jobs = 0'),
})
