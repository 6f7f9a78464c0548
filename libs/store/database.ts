/**
 * Opens a database file of ours: WAL, one holder at a time, brought to the newest schema.
 * Must never write to a file that turns out not to be ours, or that a newer version has written.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { isDamage, isStorageTrouble, StoreError } from './errors.ts'
import { lockFile } from './lock.ts'
import { type Migration, migrate } from './migrations/migrate.ts'

/** What kind of database it is: its mark in the file's header (SQLite's application_id) and its schema's steps. */
export type DatabaseKind = {
  readonly name: string
  readonly applicationId: number
  readonly migrations: readonly Migration[]
}

export type OpenDatabase = {
  readonly db: Database.Database
  /** Folds the WAL into the file, closes, gives the lock back. Idempotent. */
  close(): void
}

/** A batch of 10 ms rarely reaches it; a checkpoint costs two fsyncs, so not too often. */
const walPagesMax = 4_000
const cacheKib = 32 * 1024

/**
 * Opens or creates the file (and its folder). Throws StoreError `data-folder`, `in-use`, `not-a-database`,
 * `foreign-database` or `newer-database`.
 */
export const openDatabase = (path: string, kind: DatabaseKind): OpenDatabase => {
  makeFolder(path)
  const lock = lockFile(path)
  let db: Database.Database | undefined
  try {
    db = open(path)
    checkKind(db, path, kind)
    db.pragma('journal_mode = WAL')
    // A power cut may take the last transactions, never the order or the wholeness of what is left (sqlite.org/wal.html):
    // the checkpoint goes back with its rows, and LOG, which is fsynced, is read again from there.
    db.pragma('synchronous = NORMAL')
    db.pragma('foreign_keys = ON')
    db.pragma(`wal_autocheckpoint = ${walPagesMax}`)
    db.pragma(`journal_size_limit = ${64 * 1024 * 1024}`)
    db.pragma(`cache_size = -${cacheKib}`)
    migrate(db, kind)
  } catch (error) {
    db?.close()
    lock.release()
    throw explained(path, error)
  }
  const opened = db
  return {
    db: opened,
    close: () => {
      opened.close()
      lock.release()
    },
  }
}

const makeFolder = (path: string): void => {
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (error) {
    throw new StoreError(
      'data-folder',
      `The data folder ${dirname(path)} can't be made: ${(error as Error).message}`,
      'Give another folder with --data, or mend the permissions.',
      { cause: error },
    )
  }
}

const open = (path: string): Database.Database => {
  try {
    return new Database(path, { timeout: 2_000 })
  } catch (error) {
    throw new StoreError(
      'data-folder',
      `${path} can't be opened: ${(error as Error).message}`,
      'Check that it is a file that this user may read and write.',
      { cause: error },
    )
  }
}

/** What a person can act on, where it is clear what happened. */
const explained = (path: string, error: unknown): unknown => {
  if (isDamage(error))
    return new StoreError(
      'not-a-database',
      `${path} is damaged, or is no SQLite database.`,
      'Move it aside. An archive is built again from the log.',
      { cause: error },
    )
  if (isStorageTrouble(error))
    return new StoreError(
      'data-folder',
      `${path} can't be written: ${(error as Error).message}.`,
      'Free space on its disk, or give another folder with --data.',
      { cause: error },
    )
  return error
}

/** Reads only: a file that isn't ours stays as it is. */
const checkKind = (db: Database.Database, path: string, kind: DatabaseKind): void => {
  const applicationId = db.pragma('application_id', { simple: true }) as number
  const version = db.pragma('user_version', { simple: true }) as number
  const empty = db.prepare<[], number>('SELECT count(*) FROM sqlite_schema').pluck().get() === 0
  if (applicationId === 0 && version === 0 && empty) return
  if (applicationId !== kind.applicationId)
    throw new StoreError(
      'foreign-database',
      `${path} is a database of something else, not a ${kind.name}.`,
      'Give another folder with --data; this file was left as it is.',
    )
  const newest = kind.migrations.length
  if (version > newest)
    throw new StoreError(
      'newer-database',
      `${path} was written by a newer Millrace (schema ${version}; this one knows ${newest}).`,
      'Upgrade this Millrace, or give another folder with --data; this file was left as it is.',
    )
}
