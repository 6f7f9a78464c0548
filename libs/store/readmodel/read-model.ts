/** What can be asked of the read model: rows in, nothing computed but sums. Never writes. */
import type Database from 'better-sqlite3'
import { attemptColumns, hostColumns, jobColumns, selection } from './columns.ts'
import type { AttemptRow, HostRow, JobRow } from './rows.ts'
import { jobFromStored } from './tables.ts'

const live = "('assigned', 'claimed', 'running', 'stopping')"

/** A live attempt as its host sees it, with what it reserves. */
export type HeldAttempt = {
  readonly job: string
  readonly attempt: number
  readonly state: string
  readonly cpuMilli: number
  readonly memoryBytes: number
  readonly custom: string | null
}

/** Which jobs, newest first; at most one of `state` and `queue` drives the search. */
export type JobsSlice = {
  /** Keys below this one only. */
  readonly before: number
  readonly state?: string
  readonly queue?: string
  readonly limit: number
}

export class ReadModel {
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: Database.Database) {
    this.#statements = prepare(db)
  }

  /** The row of exactly this id, also when it is only named and no submission stands. */
  job(id: string): JobRow | null {
    const row = this.#statements.job.get(id)
    return row ? jobFromStored(row) : null
  }

  /** Ids of jobs that begin so, in order. */
  idsWithPrefix(prefix: string, limit: number): string[] {
    // Ids are ASCII, and no character of them is above z.
    return this.#statements.idsWithPrefix.all(prefix, `${prefix}~`, limit)
  }

  /** The newest `limit` jobs of the slice, newest first. */
  jobs({ before, state, queue, limit }: JobsSlice): JobRow[] {
    const { jobs, jobsByState, jobsByQueue } = this.#statements
    const rows =
      state !== undefined
        ? jobsByState.all(state, before, limit)
        : queue !== undefined
          ? jobsByQueue.all(queue, before, limit)
          : jobs.all(before, limit)
    return rows.map(jobFromStored)
  }

  /** Attempts of a job, the newest first. Finish the iteration before anything else is asked of the database. */
  attempts(job: number): IterableIterator<AttemptRow> {
    return this.#statements.attempts.iterate(job)
  }

  attempt(job: number, n: number): AttemptRow | null {
    return this.#statements.attempt.get(job, n) ?? null
  }

  /** Hosts by id, after the given one. */
  hosts(after: string, limit: number): HostRow[] {
    return this.#statements.hosts.all(after, limit)
  }

  /** The live attempts on a host, in the order of their assignment. */
  held(host: string): HeldAttempt[] {
    return this.#statements.held.all(host)
  }
}

const prepare = (db: Database.Database) => {
  const job = selection(jobColumns)
  const attempt = selection(attemptColumns)
  const page = 'AND key < ? ORDER BY key DESC LIMIT ?'
  return {
    job: db.prepare<[string], JobRow>(`SELECT ${job} FROM jobs WHERE id = ?`),
    idsWithPrefix: db
      .prepare<[string, string, number], string>(
        'SELECT id FROM jobs WHERE id >= ? AND id < ? AND state IS NOT NULL ORDER BY id LIMIT ?',
      )
      .pluck(),
    jobs: db.prepare<[number, number], JobRow>(`SELECT ${job} FROM jobs WHERE state IS NOT NULL ${page}`),
    jobsByState: db.prepare<[string, number, number], JobRow>(`SELECT ${job} FROM jobs WHERE state = ? ${page}`),
    jobsByQueue: db.prepare<[string, number, number], JobRow>(
      `SELECT ${job} FROM jobs INDEXED BY jobs_by_queue WHERE state IS NOT NULL AND queue = ? ${page}`,
    ),
    attempts: db.prepare<[number], AttemptRow>(`SELECT ${attempt} FROM attempts WHERE job = ? ORDER BY n DESC`),
    attempt: db.prepare<[number, number], AttemptRow>(`SELECT ${attempt} FROM attempts WHERE job = ? AND n = ?`),
    hosts: db.prepare<[string, number], HostRow>(
      `SELECT ${selection(hostColumns)} FROM hosts WHERE id > ? ORDER BY id LIMIT ?`,
    ),
    held: db.prepare<[string], HeldAttempt>(
      `SELECT j.id AS job, a.n AS attempt, a.state AS state, j.cpu_milli AS cpuMilli, j.memory_bytes AS memoryBytes,
        j.custom AS custom FROM attempts a JOIN jobs j ON j.key = a.job
        WHERE a.host = ? AND a.state IN ${live} ORDER BY a.fence`,
    ),
  }
}
