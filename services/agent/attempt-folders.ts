/**
 * What becomes of an attempt's folder. One whose whole output travelled inside `exited` and that left no files is used
 * again (making folders is dear) or goes, as soon as its end is in LOG; any other is kept for a week. Must never touch the folder of a live attempt.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { readdir, rename, rm, truncate } from 'node:fs/promises'
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
    if (known.short) void tidyAttempt(this.#data, attemptId, this.#mayRecycle()).catch(() => {})
  }
}

/**
 * Empties the folder and puts it into the pool (or removes it), if the job left nothing in its scratch folder; else
 * all of it stays. Never on the event loop: a journal that is being written can hold up each of these calls for
 * milliseconds.
 */
export const tidyAttempt = async (data: string, attemptId: string, recycle: boolean): Promise<void> => {
  const folder = attemptFolder(data, attemptId)
  const left = await readdir(`${folder}/scratch`).catch(() => [])
  if (left.length > 0) return
  if (recycle && (await toPool(data, attemptId).catch(() => false))) return
  await rm(folder, { recursive: true, force: true })
}

const toPool = async (data: string, attemptId: string): Promise<boolean> => {
  const folder = attemptFolder(data, attemptId)
  for (const name of await readdir(folder)) {
    if (name === 'out' || name === 'err') await truncate(`${folder}/${name}`)
    else if (name !== 'scratch') await rm(`${folder}/${name}`, { recursive: true })
  }
  await rename(folder, join(folderPool(data), attemptId))
  return true
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
