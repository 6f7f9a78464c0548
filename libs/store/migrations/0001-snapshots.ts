/** The first schema of a file of snapshots. */
import type { Migration } from './migrate.ts'

export const snapshotsInitial: Migration = {
  name: 'snapshots of a fold, by position',
  sql: `
    CREATE TABLE snapshots (
      position INTEGER PRIMARY KEY,
      bytes    BLOB NOT NULL,
      sha256   BLOB NOT NULL
    ) STRICT;
  `,
}
