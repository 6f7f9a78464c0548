/** The kinds of database files and the steps of their schemas, in order. A released step is never changed. */
import type { DatabaseKind } from '../database.ts'
import { archiveInitial } from './0001-archive.ts'
import { snapshotsInitial } from './0001-snapshots.ts'

/** 'MRar' */
export const archiveKind: DatabaseKind = {
  name: 'Millrace archive',
  applicationId: 0x4d_52_61_72,
  migrations: [archiveInitial],
}

/** 'MRsn' */
export const snapshotsKind: DatabaseKind = {
  name: 'Millrace snapshot file',
  applicationId: 0x4d_52_73_6e,
  migrations: [snapshotsInitial],
}
