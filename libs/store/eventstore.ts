/**
 * The event store: every LOG message once, under its sequence, with its leaf hash, and thin indexes that say where a
 * job's or a host's events are. Rows are only ever added, in order, without a gap.
 */
import type Database from 'better-sqlite3'
import { leafHash, type StoredMessage } from './leaf.ts'

export class EventStore {
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: Database.Database) {
    this.#statements = prepare(db)
  }

  /** Adds the next message. Call inside the transaction that moves the checkpoint. */
  append(message: StoredMessage): void {
    const { sequence, subject, timeMs, id, bytes } = message
    this.#statements.append.run(sequence, subject, timeMs, id, bytes, leafHash(message))
  }

  /** Notes that a message is of a host. Same transaction. */
  indexHost(host: string, sequence: number): void {
    this.#statements.indexHost.run(host, sequence)
  }

  get(sequence: number): StoredMessage | null {
    return this.#statements.get.get(sequence) ?? null
  }

  /** The leaf hash of a message, as it was when the message was stored. */
  leaf(sequence: number): Uint8Array | null {
    return this.#statements.leaf.get(sequence) ?? null
  }

  /**
   * The first sequence whose broker time is at or after the given one; one past the last when there is none. By
   * bisection: where the broker's clock once stepped back, it is one of the places where that time was reached.
   */
  firstSequenceAt(timeMs: number): number {
    const { first, last } = this.#statements.range.get()!
    if (first === null || last === null) return 1
    let low = first
    let high = last + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.#statements.time.get(middle)! < timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Positions of events that name the job, in order. */
  positionsOfJob(job: number, fromPosition: number, limit: number): number[] {
    return this.#statements.positionsOfJob.all(job, fromPosition, limit)
  }

  /** Sequences of the host's orders and facts, in order. */
  sequencesOfHost(host: string, fromSequence: number, limit: number): number[] {
    return this.#statements.sequencesOfHost.all(host, fromSequence, limit)
  }
}

const prepare = (db: Database.Database) => ({
  append: db.prepare('INSERT INTO log (sequence, subject, time_ms, id, bytes, leaf) VALUES (?, ?, ?, ?, ?, ?)'),
  indexHost: db.prepare('INSERT INTO host_messages (host, sequence) VALUES (?, ?)'),
  get: db.prepare<[number], StoredMessage>(
    'SELECT sequence, subject, time_ms AS timeMs, id, bytes FROM log WHERE sequence = ?',
  ),
  leaf: db.prepare<[number], Uint8Array>('SELECT leaf FROM log WHERE sequence = ?').pluck(),
  range: db.prepare<[], { first: number | null; last: number | null }>(
    'SELECT (SELECT min(sequence) FROM log) AS first, (SELECT max(sequence) FROM log) AS last',
  ),
  time: db.prepare<[number], number>('SELECT time_ms FROM log WHERE sequence = ?').pluck(),
  positionsOfJob: db
    .prepare<[number, number, number], number>(
      'SELECT position FROM job_events WHERE job = ? AND position >= ? ORDER BY position LIMIT ?',
    )
    .pluck(),
  sequencesOfHost: db
    .prepare<[string, number, number], number>(
      'SELECT sequence FROM host_messages WHERE host = ? AND sequence >= ? ORDER BY sequence LIMIT ?',
    )
    .pluck(),
})
