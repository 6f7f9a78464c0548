/**
 * What becomes of an attempt's folder. One whose whole output travelled inside `exited` and that left no files is used
 * again (making folders is dear) or goes, as soon as its end is in LOG; any other is kept for a week. Must never touch the folder of a live attempt.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { attemptFolder, folderPool } from '#process'

/** Folders waiting to be used again. */
const pooledMax = 128
const keptForMs = 7 * 24 * 3600 * 1000

type Known = { short: boolean; shipped: boolean; forgotten: boolean }

/** Decides when a folder may go: its end is in LOG, its output is where it belongs, and both were short. */
export class AttemptFolders {
  readonly #data: string
  readonly #known = new Map<string, Known>()
  #pooled: number

  /**
   * Whether trees are proved empty when their end is said. If not, something that got away may still write into the
   * files, so they are never given to another attempt.
   */
  proved = false

  constructor(data: string) {
    this.#data = data
    mkdirSync(folderPool(data), { recursive: true })
    this.#pooled = namesIn(folderPool(data)).length
  }

  /** `short`: the whole output is inside the report. */
  ended(attemptId: string, short: boolean): void {
    if (!this.#known.has(attemptId)) this.#known.set(attemptId, { short, shipped: false, forgotten: false })
  }

  shipped(attemptId: string): void {
    this.#update(attemptId, { shipped: true })
  }

  forgotten(attemptId: string): void {
    this.#update(attemptId, { forgotten: true })
  }

  has(attemptId: string): boolean {
    return this.#known.has(attemptId)
  }

  /** The supervisor takes out what is put in here, so the count is an upper bound until it is counted again. */
  #mayRecycle(): boolean {
    if (!this.proved) return false
    if (this.#pooled >= pooledMax) this.#pooled = namesIn(folderPool(this.#data)).length
    return this.#pooled++ < pooledMax
  }

  #update(attemptId: string, change: Partial<Known>): void {
    const known = this.#known.get(attemptId)
    if (!known) return
    Object.assign(known, change)
    if (!known.shipped || !known.forgotten) return
    this.#known.delete(attemptId)
    if (known.short) tidyAttempt(this.#data, attemptId, this.#mayRecycle())
  }
}

/**
 * Empties the folder and puts it into the pool (or removes it), if the job left nothing in its scratch folder; else
 * all of it stays. A few calls of some 15 µs each: on the thread pool each of them would cost the event loop more.
 */
export const tidyAttempt = (data: string, attemptId: string, recycle: boolean): void => {
  const folder = attemptFolder(data, attemptId)
  if (namesIn(`${folder}/scratch`).length > 0) return
  if (recycle && toPool(data, attemptId)) return
  // Removing is dearer, and rare: it may take its time elsewhere.
  void rm(folder, { recursive: true, force: true }).catch(() => {})
}

const toPool = (data: string, attemptId: string): boolean => {
  const folder = attemptFolder(data, attemptId)
  try {
    for (const name of readdirSync(folder)) {
      if (name === 'scratch') continue
      if (name !== 'out' && name !== 'err') rmSync(`${folder}/${name}`, { recursive: true })
      else if (statSync(`${folder}/${name}`).size > 0) truncateSync(`${folder}/${name}`)
    }
    renameSync(folder, join(folderPool(data), attemptId))
    return true
  } catch {
    return false
  }
}

/** Removes folders of attempts that ended long ago. Called at start and now and then. */
export const sweepAttempts = (data: string, isLive: (attemptId: string) => boolean, nowMs: number): number => {
  let removed = 0
  for (const attemptId of namesIn(join(data, 'attempts'))) {
    const folder = attemptFolder(data, attemptId)
    if (isLive(attemptId) || nowMs - newestMs(folder) < keptForMs) continue
    rmSync(folder, { recursive: true, force: true })
    removed++
  }
  return removed
}

const namesIn = (path: string): string[] => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

const newestMs = (folder: string): number =>
  Math.max(
    ...[folder, join(folder, 'out'), join(folder, 'scratch')].map(
      (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    ),
  )
