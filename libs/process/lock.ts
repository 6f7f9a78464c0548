/**
 * One process a folder: a file that names its owner by pid, start time and boot id. It needs no heartbeat and outlives
 * a SIGKILL harmlessly: a file whose owner is gone is taken over. Must never be released by anybody but its owner.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isSameProcess, readBootId, readProcessStat } from './proc.ts'

export type LockOwner = { pid: number; startTicks: number; bootId: string }

export type LockResult = { held: true; release(): void } | { held: false; owner: LockOwner }

const readOwner = (path: string): LockOwner | null => {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as LockOwner
    return typeof value?.pid === 'number' && typeof value.startTicks === 'number' ? value : null
  } catch {
    return null
  }
}

const lives = (owner: LockOwner): boolean => owner.bootId === readBootId() && isSameProcess(owner.pid, owner.startTicks)

/** Takes the lock at `path`, or says who holds it. Throws what the file system throws (missing folder, full disk). */
export const takeLock = (path: string): LockResult => {
  const self: LockOwner = {
    pid: process.pid,
    startTicks: readProcessStat(process.pid)!.startTicks,
    bootId: readBootId(),
  }
  // Written whole beside it, then linked: link(2) fails when the name exists, and nobody ever reads half a file.
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(self))
  try {
    for (;;) {
      try {
        linkSync(draft, path)
        return { held: true, release: () => release(path, self) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const owner = readOwner(path)
      if (owner && lives(owner)) return { held: false, owner }
      moveAway(path, owner)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Renames before removing, so that of two who saw the same dead owner one removes it; a lock made meanwhile is put back. */
const moveAway = (path: string, dead: LockOwner | null): void => {
  const aside = `${path}.stale-${process.pid}`
  try {
    renameSync(path, aside)
    const moved = readOwner(aside)
    if (moved && (moved.pid !== dead?.pid || moved.startTicks !== dead.startTicks)) linkSync(aside, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

const release = (path: string, self: LockOwner): void => {
  const owner = readOwner(path)
  if (owner?.pid === self.pid && owner.startTicks === self.startTicks) rmSync(path, { force: true })
}
