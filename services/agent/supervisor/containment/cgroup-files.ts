/**
 * The files of cgroup v2 (kernel documentation: admin-guide/cgroup-v2): what is in a leaf, ending it, removing it.
 * Must never signal a process that it has not just seen to be in the leaf.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readProcessStat } from '#process'
import { markName } from './process-group.ts'

const buffer = Buffer.alloc(4096)

/** A file of the kernel's, whole, without allocating; '' when it can't be read. */
export const readSmall = (path: string): string => {
  try {
    const file = openSync(path, 'r')
    try {
      return buffer.toString('latin1', 0, readSync(file, buffer))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}

/** The attempt that a process is marked with; null when that can't be read. */
export const markOf = (pid: number): string | null => {
  const mark = `${markName}=`
  const variable = readSmallFile(`/proc/${pid}/environ`)
    .split('\0')
    .find((entry) => entry.startsWith(mark))
  return variable?.slice(mark.length) ?? null
}

const readSmallFile = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Names of the cgroups inside. */
export const foldersIn = (path: string): string[] => {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** Removing succeeds exactly when no process is in it: one call proves it empty and cleans up. */
export const removeLeaf = (path: string): boolean => {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
  }
  if (!/^populated 0/m.test(readSmall(join(path, 'cgroup.events')))) return false
  // The job made cgroups of its own inside.
  for (const child of foldersIn(path)) removeLeaf(join(path, child))
  try {
    rmdirSync(path)
    return true
  } catch {
    return false
  }
}

/** `cgroup.kill` (Linux 5.14) gets everything, forks and nested groups too. Before that: freeze, kill each, thaw. */
export const killLeaf = (path: string): void => {
  try {
    writeFileSync(join(path, 'cgroup.kill'), '1')
    return
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return
  }
  for (const child of foldersIn(path)) killLeaf(join(path, child))
  writeIfThere(join(path, 'cgroup.freeze'), '1')
  for (const pid of pidsIn(path)) killSame(path, pid)
  writeIfThere(join(path, 'cgroup.freeze'), '0')
}

/** Who is in it. */
export const pidsIn = (path: string): number[] =>
  readSmall(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)

/** A frozen process can't leave, so that a pid which is still in the list after its start time was read is the same. */
const killSame = (path: string, pid: number): void => {
  const before = readProcessStat(pid)
  if (!before || !pidsIn(path).includes(pid) || readProcessStat(pid)?.startTicks !== before.startTicks) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

const writeIfThere = (path: string, text: string): void => {
  try {
    writeFileSync(path, text)
  } catch {
    // An older kernel, or the leaf is gone.
  }
}
