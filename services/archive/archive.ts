/**
 * The archive: keeps LOG for good, folds it into the read model, answers questions about it. Off the critical path: when
 * it is away nothing stops, and it goes on exactly where it was.
 */
import { join } from 'node:path'
import type { Broker } from '#eventlog'
import { type Clock, type Logger, type Service, systemClock, UserError } from '#runtime'
import { subjectsOf } from '#schemas'
import { ArchiveStore, StoreError } from '#store'
import { CommitSignal } from './commit-signal.ts'
import { Heartbeats } from './heartbeats.ts'
import { Ingest } from './ingest.ts'
import { newAnswer } from './queries/answer.ts'
import { Commits } from './queries/commits.ts'

export type ArchiveOptions = {
  /** Folder of its own; the database is `archive.db` in it. */
  dataDir: string
  namespace: string
  /** Connects to the broker. The archive closes what it gets. */
  connect: (signal: AbortSignal) => Promise<Broker>
  logger: Logger
  clock?: Clock
}

export const archiveFile = (dataDir: string): string => join(dataDir, 'archive.db')

export class Archive implements Service {
  readonly name = 'archive'
  readonly failed: Promise<never>
  readonly #options: ArchiveOptions
  readonly #connecting = new AbortController()
  #fail!: (error: unknown) => void
  /** What was opened, in the order in which it is to be closed. */
  #closers: (() => unknown)[] = []
  #stopped: Promise<void> | null = null
  #store: ArchiveStore | null = null

  constructor(options: ArchiveOptions) {
    this.#options = options
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
  }

  /** Resolves when it follows the log and answers. Throws UserError: `in-use`, `foreign-database`, `log-rewound`, … */
  async start(): Promise<void> {
    const { dataDir, namespace, connect, logger, clock = systemClock } = this.#options
    const store = openStore(archiveFile(dataDir), namespace)
    this.#store = store
    this.#closers.unshift(() => store.close())
    const broker = await connect(this.#connecting.signal)
    this.#closers.unshift(() => broker.close())

    const signal = new CommitSignal(store.checkpoint.sequence)
    const onCommit = (sequence: number) => signal.reach(sequence)
    const ingest = new Ingest({ log: broker.log, store, clock, logger, onCommit })
    this.#closers.unshift(() => ingest.stop())
    await ingest.start()
    ingest.failed.catch(this.#fail)

    const subjects = subjectsOf(namespace)
    const heartbeats = new Heartbeats(subjects, clock)
    heartbeats.watch(broker.beats, this.#fail)
    this.#closers.unshift(() => heartbeats.stop())
    const sources = { store, commits: new Commits(store.log, subjects), heartbeats, clock }
    const answers = broker.notices.respond(subjects.queries, newAnswer(sources, signal, logger))
    this.#closers.unshift(
      () => signal.close(),
      () => answers.stop(),
    )
    logger.info({ sequence: store.checkpoint.sequence, file: archiveFile(dataDir) }, 'archive follows the log')
  }

  readiness(): Record<string, unknown> {
    return { sequence: this.#store?.checkpoint.sequence ?? 0 }
  }

  /** Commits what has arrived, answers what is under way, closes. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#close()
    return this.#stopped
  }

  async #close(): Promise<void> {
    this.#connecting.abort()
    for (const close of this.#closers) {
      try {
        await close()
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'closing failed')
      }
    }
  }
}

const openStore = (path: string, namespace: string): ArchiveStore => {
  try {
    return new ArchiveStore({ path, namespace })
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new UserError(error.code, error.message, error.hint, 1, { cause: error })
  }
}
