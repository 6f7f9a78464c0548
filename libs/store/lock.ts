/**
 * One holder a file, also after a SIGKILL: an open write transaction on a small database beside the data. The kernel
 * drops its lock with the process, so there is never a stale one to clean up; readers can still see who holds it.
 * Must never be put on a network file system without working fcntl locks.
 */
import Database from 'better-sqlite3'
import { isBusy, StoreError } from './errors.ts'

const waitMs = 1_000

export type FileLock = { /** Gives the lock back. Idempotent. */ release(): void }

/** Takes the lock of `path`, or throws StoreError `in-use` after a second, naming the process that has it. */
export const lockFile = (path: string): FileLock => {
  const lockPath = `${path}.lock`
  const db = new Database(lockPath, { timeout: waitMs })
  try {
    db.exec('BEGIN IMMEDIATE')
    signHolder(db)
    db.exec('BEGIN IMMEDIATE')
  } catch (error) {
    const holder = isBusy(error) ? holderOf(db) : null
    db.close()
    if (!isBusy(error))
      throw new StoreError('data-folder', `${lockPath} can't be locked: ${(error as Error).message}`, hintForFolder, {
        cause: error,
      })
    throw new StoreError(
      'in-use',
      `${path} is in use${holder === null ? '' : ` by process ${holder}`}.`,
      'Stop that process, or give this one another data folder.',
      { cause: error },
    )
  }
  return { release: () => void db.close() }
}

const hintForFolder = 'Check that the folder exists, is writable and lies on a local disk with free space.'

/** Says who holds it; a full disk may forbid that, and the lock holds all the same. */
const signHolder = (db: Database.Database): void => {
  try {
    db.exec('CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL) STRICT')
    db.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(process.pid)
    db.exec('COMMIT')
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    if (isBusy(error)) throw error
  }
}

const holderOf = (db: Database.Database): number | null => {
  try {
    return db.prepare<[], number>('SELECT pid FROM holder').pluck().get() ?? null
  } catch {
    return null
  }
}
