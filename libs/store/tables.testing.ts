/** For tests: looks into a file of ours from outside, or lays a foreign one. */
import Database from 'better-sqlite3'

/** Every row of every table of a file that nobody has open. */
export const tablesOf = (path: string): Record<string, unknown[]> => {
  const db = new Database(path, { readonly: true })
  const names = db
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .pluck()
    .all()
  const rows = Object.fromEntries(names.map((name) => [name, db.prepare(`SELECT * FROM ${name}`).all()]))
  db.close()
  return rows
}

/** Makes a database of somebody else's. */
export const layForeignDatabase = (path: string, sql = 'CREATE TABLE theirs (x)'): void => {
  new Database(path).exec(sql).close()
}
