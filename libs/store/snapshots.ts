/**
 * Snapshots of a fold in a file of its own: the last three, each with its hash, so that a torn or flipped one is passed
 * over and the one before is taken. Losing the file costs a longer replay and nothing else.
 */
import { createHash } from 'node:crypto'
import { type OpenDatabase, openDatabase } from './database.ts'
import { snapshotsKind } from './migrations/index.ts'

export type Snapshot = {
  /** Position of the last event folded into it. */
  readonly position: number
  readonly bytes: Uint8Array
}

const snapshotsKept = 3

export class SnapshotStore {
  readonly #file: OpenDatabase

  /** Opens or creates the file; throws StoreError (as openDatabase). One holder at a time. */
  constructor(path: string) {
    this.#file = openDatabase(path, snapshotsKind)
  }

  /** Keeps a snapshot, durably when it returns, and forgets all but the newest three. Throws on a full disk; nothing is lost then. */
  save(position: number, bytes: Uint8Array): void {
    const { db } = this.#file
    db.transaction(() => {
      db.prepare('INSERT OR REPLACE INTO snapshots (position, bytes, sha256) VALUES (?, ?, ?)').run(
        position,
        bytes,
        sha256(bytes),
      )
      db.prepare(
        'DELETE FROM snapshots WHERE position NOT IN (SELECT position FROM snapshots ORDER BY position DESC LIMIT ?)',
      ).run(snapshotsKept)
    }).immediate()
  }

  /** The newest sound snapshot, or null. `before`: only those of a smaller position, when the newest could not be used. */
  latest(before = Number.MAX_SAFE_INTEGER): Snapshot | null {
    const rows = this.#file.db
      .prepare<[number], Snapshot & { sha256: Uint8Array }>(
        'SELECT position, bytes, sha256 FROM snapshots WHERE position < ? ORDER BY position DESC',
      )
      .iterate(before)
    for (const { position, bytes, sha256: expected } of rows) {
      if (sha256(bytes).equals(expected)) return { position, bytes }
    }
    return null
  }

  /** Forgets every snapshot: when the log they were folded from is gone. */
  clear(): void {
    this.#file.db.exec('DELETE FROM snapshots')
  }

  /** Idempotent. */
  close(): void {
    this.#file.close()
  }
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
