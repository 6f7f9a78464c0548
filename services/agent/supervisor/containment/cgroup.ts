/**
 * Containment by cgroup v2 (kernel documentation: admin-guide/cgroup-v2). A leaf per attempt under one folder of this
 * supervisor. No controller is needed: a bare v2 mount gives membership, `cgroup.kill`, `cgroup.events` and CPU time.
 *
 * Node can't clone into a cgroup, so the supervisor enters the leaf, spawns, and leaves again: a child is born where its
 * parent is, so that there is no moment outside. The parent's own CPU time in the leaf is taken off again. (Staying in
 * the last leaf between spawns, or moving the child afterwards, was measured and gains nothing.)
 * Must never kill a leaf while the supervisor is in it: `born` is synchronous and always leaves.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmdirSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readProcessStat } from '#process'
import { type Containment, lookAgainMs } from './containment.ts'

const orphanLimitMs = 5_000
const buffer = Buffer.alloc(4096)

export class CgroupContainment implements Containment {
  readonly name = 'cgroup-v2'
  readonly cgroupRoot: string
  /** The supervisor's own cgroup, to which it returns: an open cgroup.procs. */
  readonly #home: number
  /** CPU of the supervisor itself while it was in the leaf, µs. */
  readonly #ownCpuUs = new Map<string, number>()

  /** Throws when the folder can't be made, entered or left. */
  constructor(root: string, home: string) {
    this.cgroupRoot = root
    mkdirSync(root, { recursive: true })
    this.#home = openSync(join(home, 'cgroup.procs'), 'w')
    try {
      const probe = `probe.${process.pid}`
      this.born(probe, () => {})
      if (!this.isEmpty(probe)) throw new Error('The probe cgroup does not get empty.')
    } catch (error) {
      closeSync(this.#home)
      throw error
    }
  }

  born<T>(attemptId: string, spawn: () => T): T {
    const leaf = join(this.cgroupRoot, attemptId)
    mkdirSync(leaf)
    const procs = openSync(join(leaf, 'cgroup.procs'), 'w')
    const before = process.cpuUsage()
    try {
      writeSync(procs, '0')
      return spawn()
    } finally {
      writeSync(this.#home, '0')
      closeSync(procs)
      const { user, system } = process.cpuUsage(before)
      this.#ownCpuUs.set(attemptId, user + system)
    }
  }

  isEmpty(attemptId: string): boolean {
    if (!removeLeaf(join(this.cgroupRoot, attemptId))) return false
    this.#ownCpuUs.delete(attemptId)
    return true
  }

  killAll(attemptId: string): void {
    killLeaf(join(this.cgroupRoot, attemptId))
  }

  cpuMs(attemptId: string): number | undefined {
    const usage = /^usage_usec (\d+)/m.exec(readSmall(join(this.cgroupRoot, attemptId, 'cpu.stat')))
    if (!usage) return undefined
    return Math.max(0, Math.round((Number(usage[1]) - (this.#ownCpuUs.get(attemptId) ?? 0)) / 1000))
  }

  /** Every leaf that is here was made by an earlier supervisor: this one has not spawned yet. */
  async endOrphans(): Promise<string[]> {
    const limit = performance.now() + orphanLimitMs
    let left = foldersIn(this.cgroupRoot)
    for (let look = 0; left.length > 0; look++) {
      for (const leaf of left) killLeaf(join(this.cgroupRoot, leaf))
      left = left.filter((leaf) => !removeLeaf(join(this.cgroupRoot, leaf)))
      if (left.length === 0 || performance.now() > limit) break
      await delay(lookAgainMs(look))
    }
    return left
  }

  close(): void {
    try {
      rmdirSync(this.cgroupRoot)
    } catch {
      // A leaf that would not die keeps it; the next supervisor of this folder tries again.
    }
    closeSync(this.#home)
  }
}

const readSmall = (path: string): string => {
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

const foldersIn = (path: string): string[] => {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** Removing succeeds exactly when no process is in it: one call proves it empty and cleans up. */
const removeLeaf = (path: string): boolean => {
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
const killLeaf = (path: string): void => {
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

const pidsIn = (path: string): number[] => readSmall(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)

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
