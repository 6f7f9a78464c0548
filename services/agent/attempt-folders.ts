/**
 * What becomes of an attempt's folder. One whose whole output travelled inside `exited` and that left no files goes as
 * soon as its end is in LOG; any other is kept for a week. Must never touch the folder of a live attempt.
 */
import { readdirSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { attemptFolder } from '#process'

const keptForMs = 7 * 24 * 3600 * 1000

type Known = { short: boolean; shipped: boolean; forgotten: boolean }

/** Decides when a folder may go: its end is in LOG, its output is where it belongs, and both were short. */
export class AttemptFolders {
  readonly #data: string
  readonly #known = new Map<string, Known>()

  constructor(data: string) {
    this.#data = data
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

  #update(attemptId: string, change: Partial<Known>): void {
    const known = this.#known.get(attemptId)
    if (!known) return
    Object.assign(known, change)
    if (!known.shipped || !known.forgotten) return
    this.#known.delete(attemptId)
    if (known.short) tidyAttempt(this.#data, attemptId)
  }
}

/** Removes the folder if the job left nothing in its scratch folder; else only what is known to be elsewhere. */
export const tidyAttempt = (data: string, attemptId: string): void => {
  const folder = attemptFolder(data, attemptId)
  try {
    rmdirSync(`${folder}/scratch`)
  } catch (error) {
    // Files of the job: they stay, and its output beside them.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return
  }
  for (const name of ['out', 'err']) unlinkIfThere(`${folder}/${name}`)
  try {
    rmdirSync(folder)
  } catch {
    // It had an input or a note of what was shipped.
    rmSync(folder, { recursive: true, force: true })
  }
}

const unlinkIfThere = (path: string): void => {
  try {
    unlinkSync(path)
  } catch {
    // The job removed it.
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
