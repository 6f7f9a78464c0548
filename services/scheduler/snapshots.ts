/**
 * Snapshots of the fold: when to take one, where to put it, which one to start from. They only save time: with none
 * usable the log is folded from its start. One that can't be trusted (torn, of another log, of a place that the log
 * does not have) is passed over with a warning, never repaired.
 */
import { type Cluster, newCluster } from '#domain'
import type { EventLog, Files, LogInfo } from '#eventlog'
import { type Clock, type Logger, UserError } from '#runtime'
import { positionOf, sequenceOf } from '#schemas'
import type { Fold } from './fold.ts'
import { decodeSnapshot, encodeSnapshot, type SnapshotHeader, takeLines } from './snapshot-form.ts'

export const snapshotFile = 'snapshot/scheduler'
const everyMessages = 100_000
const everyMs = 60_000
/** Never more than a twentieth of the time goes into snapshots. */
const restFactor = 20

/** Snapshots on this machine (#store openSnapshots). */
export type LocalSnapshots = {
  save(position: number, bytes: Uint8Array): void
  latest(before?: number): { position: number; bytes: Uint8Array } | null
  close(): void
}

export type Start = { cluster: Cluster; consumerFrom: Map<string, number>; sequence: number; last: LastMessage | null }
export type LastMessage = { id: string; timeMs: number }

export type SnapshotsOptions = {
  log: Pick<EventLog, 'get'>
  files: Files
  local: LocalSnapshots
  clock: Clock
  logger: Logger
}

export class Snapshots {
  readonly #options: SnapshotsOptions
  #info: LogInfo | null = null
  #lastSequence = 0
  #lastAtMs: number
  #tookMs = 0
  #running: Promise<void> | null = null

  constructor(options: SnapshotsOptions) {
    this.#options = options
    this.#lastAtMs = options.clock.monotonicMs()
  }

  /**
   * The newest usable snapshot, else the empty cluster before the log's first message. Throws UserError when there is
   * none and the log has already lost its beginning: folding the rest would give a wrong state.
   */
  async load(info: LogInfo): Promise<Start> {
    this.#info = info
    const found = await this.#candidates()
    for (const { header, restore, where } of found.sort((a, b) => b.header.sequence - a.header.sequence)) {
      const why = await this.#unusable(header, info)
      if (why === null) {
        try {
          const cluster = restore()
          this.#lastSequence = header.sequence
          this.#options.logger.info(
            { where, sequence: header.sequence, tail: info.last - header.sequence },
            'starting from a snapshot',
          )
          const last = { id: header.lastId, timeMs: header.lastTimeMs }
          return { cluster, consumerFrom: new Map(header.consumerFrom), sequence: header.sequence, last }
        } catch (error) {
          this.#passedOver(where, (error as Error).message)
        }
      } else this.#passedOver(where, why)
    }
    if (info.first > 1) {
      throw new UserError(
        'log-trimmed',
        `LOG begins at sequence ${info.first} and no snapshot reaches up to it, so its state can't be known.`,
        'Start the scheduler with the data folder that holds its snapshots, or restore the object store.',
      )
    }
    return { cluster: newCluster(), consumerFrom: new Map(), sequence: 0, last: null }
  }

  /** True when it is time for one. */
  isDue(sequence: number): boolean {
    const restedMs = this.#options.clock.monotonicMs() - this.#lastAtMs
    if (this.#running || sequence === this.#lastSequence || restedMs < this.#tookMs * restFactor) return false
    return sequence - this.#lastSequence >= everyMessages || restedMs >= everyMs
  }

  /**
   * Takes one and keeps it here and, when `shared`, in the object store. The fold must stand still until `onTaken` is
   * called. Never rejects: without a snapshot only the next start takes longer.
   */
  take(fold: Fold, last: LastMessage | null, shared: boolean, onTaken: () => void = () => {}): Promise<void> {
    this.#running ??= this.#take(fold, last, shared, onTaken).finally(() => {
      this.#running = null
    })
    return this.#running
  }

  /** The snapshot at stop: nothing when there is nothing new. The fold has ended. Never rejects. */
  async takeLast(fold: Fold, last: LastMessage | null, shared: boolean): Promise<void> {
    await this.#running
    if (fold.sequence !== this.#lastSequence) await this.take(fold, last, shared)
  }

  async #take(fold: Fold, last: LastMessage | null, shared: boolean, onTaken: () => void): Promise<void> {
    const { clock, local, files, logger } = this.#options
    const startedMs = clock.monotonicMs()
    const { sequence } = fold
    const consumerFrom = [...fold.consumerFrom]
    try {
      let lines: Buffer[]
      try {
        lines = await takeLines(fold.cluster)
      } finally {
        onTaken()
      }
      const bytes = await encodeSnapshot(
        {
          logCreatedMs: this.#info?.createdMs ?? 0,
          sequence,
          lastId: last?.id ?? '',
          lastTimeMs: last?.timeMs ?? 0,
          consumerFrom,
        },
        lines,
      )
      local.save(positionOf(sequence, 0), bytes)
      if (shared) await files.put(snapshotFile, bytes)
      this.#lastSequence = sequence
      logger.debug({ sequence, bytes: bytes.length, tookMs: clock.monotonicMs() - startedMs }, 'snapshot taken')
    } catch (error) {
      logger.warn({ err: error, sequence }, 'snapshot failed')
    }
    this.#lastAtMs = clock.monotonicMs()
    this.#tookMs = this.#lastAtMs - startedMs
  }

  async #candidates(): Promise<{ header: SnapshotHeader; restore: () => Cluster; where: string }[]> {
    const { local, files } = this.#options
    const found: { header: SnapshotHeader; restore: () => Cluster; where: string }[] = []
    const add = async (where: string, bytes: Uint8Array): Promise<void> => {
      try {
        found.push({ ...(await decodeSnapshot(bytes)), where })
      } catch (error) {
        this.#passedOver(where, (error as Error).message)
      }
    }
    for (let kept = local.latest(); kept; kept = local.latest(kept.position))
      await add(`local at sequence ${sequenceOf(kept.position)}`, kept.bytes)
    try {
      const bytes = await files.get(snapshotFile)
      if (bytes) await add('object store', bytes)
    } catch (error) {
      this.#passedOver('object store', (error as Error).message)
    }
    return found
  }

  /** Why a snapshot can't be used with this log; null when it can. */
  async #unusable(header: SnapshotHeader, info: LogInfo): Promise<string | null> {
    const { sequence } = header
    if (header.logCreatedMs !== info.createdMs) return 'it was folded from another log'
    if (sequence > info.last) return `it is at sequence ${sequence}, the log ends at ${info.last}`
    if (sequence < info.first - 1) return `it is at sequence ${sequence}, the log begins at ${info.first}`
    const message = sequence >= info.first ? await this.#options.log.get(sequence) : null
    if (message && (message.id !== header.lastId || message.timeMs !== header.lastTimeMs))
      return `the log holds another message at sequence ${sequence}`
    return null
  }

  #passedOver(where: string, why: string): void {
    this.#options.logger.warn({ where, why }, 'a snapshot is passed over')
  }
}
