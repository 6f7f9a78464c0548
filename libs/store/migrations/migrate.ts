/** Brings a database to the newest schema: each numbered step in a transaction of its own, together with its number. */
import type Database from 'better-sqlite3'

export type Migration = {
  /** What it does, for people who read the list. */
  readonly name: string
  readonly sql: string
}

/**
 * Runs the steps that the file hasn't seen (the n-th step of the list leads to version n). A step that fails, or a crash
 * in it, leaves the file at the version before. Steps are only ever added at the end.
 */
export const migrate = (
  db: Database.Database,
  kind: { applicationId: number; migrations: readonly Migration[] },
): void => {
  const version = db.pragma('user_version', { simple: true }) as number
  for (const [index, migration] of kind.migrations.entries()) {
    if (index < version) continue
    db.transaction(() => {
      db.exec(migration.sql)
      db.pragma(`application_id = ${kind.applicationId}`)
      db.pragma(`user_version = ${index + 1}`)
    }).immediate()
  }
}
