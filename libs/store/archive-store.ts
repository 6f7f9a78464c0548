/**
 * The archive's database: event store, read model and checkpoint, which move together or not at all. A crash at any time
 * leaves it at the end of some earlier `ingest`, and the log is followed from there.
 */
import { decodeMessage, type Subjects, subjectsOf } from '#schemas'
import { type OpenDatabase, openDatabase } from './database.ts'
import { StoreError } from './errors.ts'
import { EventStore } from './eventstore.ts'
import type { StoredMessage } from './leaf.ts'
import { archiveKind } from './migrations/index.ts'
import { project } from './readmodel/project.ts'
import { ReadModel } from './readmodel/read-model.ts'
import { RowCache } from './readmodel/row-cache.ts'
import { type CellRow, newCellRow } from './readmodel/rows.ts'
import { Tables } from './readmodel/tables.ts'

export type ArchiveStoreOptions = {
  /** The database file; made if it isn't there. */
  path: string
  /** Whose log this is. A file of another namespace is refused. */
  namespace: string
  /** Live jobs kept in memory between transactions. */
  cachedJobsMax?: number
}

export class ArchiveStore {
  readonly log: EventStore
  readonly readModel: ReadModel
  readonly #file: OpenDatabase
  readonly #tables: Tables
  readonly #subjects: Subjects
  readonly #cachedJobsMax: number
  #checkpoint: CellRow
  #rows: RowCache

  /** Opens or creates the file. Throws StoreError (see openDatabase), also `other-namespace`. */
  constructor({ path, namespace, cachedJobsMax = 50_000 }: ArchiveStoreOptions) {
    this.#subjects = subjectsOf(namespace)
    this.#cachedJobsMax = cachedJobsMax
    this.#file = openDatabase(path, archiveKind)
    const { db } = this.#file
    this.#tables = new Tables(db)
    this.log = new EventStore(db)
    this.readModel = new ReadModel(db)
    this.#checkpoint = this.#tables.cell() ?? newCellRow(namespace)
    if (this.#checkpoint.namespace !== namespace) {
      this.#file.close()
      throw new StoreError(
        'other-namespace',
        `${path} archives namespace "${this.#checkpoint.namespace}", not "${namespace}".`,
        'Give --namespace as before, or another folder with --data.',
      )
    }
    this.#rows = this.#freshRows()
  }

  /** What the file reflects, durably. */
  get checkpoint(): Readonly<CellRow> {
    return this.#checkpoint
  }

  /** Jobs by state. */
  counts(): Record<string, number> {
    return this.#tables.counts()
  }

  /**
   * Stores and folds messages in one transaction; ones at or before the checkpoint are passed over.
   * Throws RangeError on a gap, and what SQLite throws (see isStorageTrouble); then nothing has changed and the same
   * messages may be given again.
   */
  ingest(messages: readonly StoredMessage[], logCreatedMs: number): void {
    const rows = this.#rows
    rows.cell.logCreatedMs = logCreatedMs
    try {
      this.#file.db
        .transaction(() => {
          for (const message of messages) if (message.sequence > rows.cell.sequence) this.#fold(rows, message)
          rows.write(this.#tables)
          this.#tables.putCell(rows.cell)
        })
        .immediate()
    } catch (error) {
      this.#rows = this.#freshRows()
      throw error
    }
    rows.settle()
    this.#checkpoint = { ...rows.cell }
  }

  /** A quota: a file of this size is a full disk to `ingest`. Null lifts it. Holds until the file is closed. */
  limitFileBytes(bytesMax: number | null): void {
    const { db } = this.#file
    const pageBytes = db.pragma('page_size', { simple: true }) as number
    db.pragma(`max_page_count = ${bytesMax === null ? 0xff_ff_ff_fe : Math.max(1, Math.floor(bytesMax / pageBytes))}`)
  }

  #fold(rows: RowCache, message: StoredMessage): void {
    const { sequence, timeMs, bytes } = message
    if (sequence !== rows.cell.sequence + 1)
      throw new RangeError(`Message ${sequence} does not follow message ${rows.cell.sequence}.`)
    this.log.append(message)
    const subject = this.#subjects.parse(message.subject)
    if (subject?.kind === 'orders' || subject?.kind === 'facts') this.log.indexHost(subject.host, sequence)
    const decoded =
      subject === null
        ? ({ kind: 'malformed', reason: 'schema', job: null, faults: [] } as const)
        : decodeMessage(subject, bytes)
    project(rows, { subject, sequence, timeMs, decoded: decoded as ReturnType<typeof decodeMessage> })
  }

  #freshRows(): RowCache {
    return new RowCache(this.#tables, { ...this.#checkpoint }, this.#cachedJobsMax)
  }

  /** Idempotent. */
  close(): void {
    this.#file.close()
  }
}
