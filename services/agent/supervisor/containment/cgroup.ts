/**
 * Containment by cgroup v2 (kernel documentation: admin-guide/cgroup-v2). A leaf per attempt under one folder of this
 * supervisor. No controller is needed: a bare v2 mount gives membership, `cgroup.kill`, `cgroup.events` and CPU time.
 *
 * Node can't clone into a cgroup, but a child is born where its parent is, so that there is no moment outside. Moving a
 * process is cheap while others move, and takes an RCU grace period (10 to 20 ms) after a quiet moment. So nobody waits
 * for it: the supervisor sits in an empty leaf, spawns, and a thread moves it on into the next leaf.
 * Must never kill a leaf while the supervisor is in it.
 */
import { closeSync, mkdirSync, openSync, rmdirSync, write, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { foldersIn, killLeaf, markOf, pidsIn, readSmall, removeLeaf } from './cgroup-files.ts'
import { type Containment, lookAgainMs } from './containment.ts'

const orphanLimitMs = 5_000

/** A leaf, and the supervisor's own CPU time (user + system, µs) when it came in and when it left. */
type Leaf = { path: string; ownBeforeUs: number; ownAfterUs: number | null }

export class CgroupContainment implements Containment {
  readonly name = 'cgroup-v2'
  readonly cgroupRoot: string
  /** The supervisor's own cgroup, to which it returns: an open cgroup.procs. */
  readonly #home: number
  readonly #leaves = new Map<string, Leaf>()
  /** The empty leaf in which the supervisor is. */
  #ahead: Leaf | null = null
  /** The leaf that it is about to leave, and when it has. */
  #leaving: { leaf: Leaf; done: Promise<void> } | null = null
  #made = 0
  #closed = false
  #onReady: () => void = () => {}

  /** Throws when the folder can't be made, entered or left. */
  constructor(root: string, home: string) {
    this.cgroupRoot = root
    mkdirSync(root, { recursive: true })
    this.#home = openSync(join(home, 'cgroup.procs'), 'w')
    try {
      const leaf = this.#enterNext()
      this.#goHome()
      if (!removeLeaf(leaf.path)) throw new Error('The probe cgroup does not get empty.')
    } catch (error) {
      closeSync(this.#home)
      throw error
    }
  }

  get ready(): boolean {
    return this.#leaving === null
  }

  open(onReady: () => void): void {
    this.#onReady = onReady
    this.#ahead = this.#enterNext()
  }

  born<T>(attemptId: string, more: boolean, spawn: () => T): T {
    const leaf = this.#ahead ?? this.#enterNext()
    this.#ahead = null
    this.#leaves.set(attemptId, leaf)
    try {
      return spawn()
    } finally {
      if (more) this.#leaveNow(leaf)
      else this.#leave(leaf)
    }
  }

  isEmpty(attemptId: string): boolean | Promise<boolean> {
    const leaf = this.#leaves.get(attemptId)
    if (!leaf) return true
    if (this.#leaving?.leaf === leaf) return this.#isEmptyButForUs(attemptId, leaf, this.#leaving.done)
    if (!removeLeaf(leaf.path)) return false
    this.#leaves.delete(attemptId)
    return true
  }

  /** A short job ends before the supervisor has left its leaf: whoever else is in it can be seen all the same. */
  #isEmptyButForUs(attemptId: string, leaf: Leaf, left: Promise<void>): boolean | Promise<boolean> {
    const others = pidsIn(leaf.path).filter((pid) => pid !== process.pid)
    const hasInner = !/^nr_descendants 0$/m.test(readSmall(join(leaf.path, 'cgroup.stat')))
    if (others.length > 0 || hasInner) return left.then(() => this.isEmpty(attemptId))
    this.#leaves.delete(attemptId)
    void left.then(() => removeLeaf(leaf.path))
    return true
  }

  killAll(attemptId: string): void {
    const leaf = this.#leaves.get(attemptId)
    if (!leaf) return
    if (this.#leaving?.leaf === leaf) void this.#leaving.done.then(() => this.killAll(attemptId))
    else killLeaf(leaf.path)
  }

  cpuMs(attemptId: string): number | undefined {
    const leaf = this.#leaves.get(attemptId)
    const usage = leaf && /^usage_usec (\d+)/m.exec(readSmall(join(leaf.path, 'cpu.stat')))
    if (!usage) return undefined
    const ownUs = (leaf.ownAfterUs ?? ownCpuUs()) - leaf.ownBeforeUs
    return Math.max(0, Math.round((Number(usage[1]) - ownUs) / 1000))
  }

  /** Makes the next leaf and moves into it at once. */
  #enterNext(): Leaf {
    const { leaf, procs } = this.#make()
    try {
      writeSync(procs, '0')
    } finally {
      closeSync(procs)
    }
    return { ...leaf, ownBeforeUs: ownCpuUs() }
  }

  #make(): { leaf: Leaf; procs: number } {
    const path = join(this.cgroupRoot, `${process.pid}.${this.#made++}`)
    mkdirSync(path)
    return { leaf: { path, ownBeforeUs: 0, ownAfterUs: null }, procs: openSync(join(path, 'cgroup.procs'), 'w') }
  }

  /** While one move follows the other each is cheap, and a thread would cost more than it saves. */
  #leaveNow(leaf: Leaf): void {
    try {
      this.#ahead = this.#enterNext()
    } catch {
      this.#goHome()
    }
    leaf.ownAfterUs = ownCpuUs()
  }

  /** Out of a leaf that has an attempt now, into the next one. Off the event loop. */
  #leave(leaf: Leaf): void {
    let next: { leaf: Leaf; procs: number }
    try {
      next = this.#make()
    } catch {
      // No new leaf can be had: home, and the next attempt tries again.
      this.#goHome()
      leaf.ownAfterUs = ownCpuUs()
      return
    }
    const done = new Promise<void>((resolve) => {
      write(next.procs, '0', (error) => {
        closeSync(next.procs)
        if (error || this.#closed) this.#goHome()
        const nowUs = ownCpuUs()
        leaf.ownAfterUs = nowUs
        next.leaf.ownBeforeUs = nowUs
        this.#ahead = error || this.#closed ? null : next.leaf
        this.#leaving = null
        resolve()
        if (!this.#closed) this.#onReady()
      })
    })
    this.#leaving = { leaf, done }
  }

  #goHome(): void {
    writeSync(this.#home, '0')
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
    return this.#attemptsIn(left)
  }

  /** Whose processes are in these leaves, by their mark; a leaf's name says nothing. */
  #attemptsIn(leaves: readonly string[]): string[] {
    const ids = leaves.flatMap((leaf) => pidsIn(join(this.cgroupRoot, leaf)).map(markOf))
    return [...new Set(ids.filter((id) => id !== null))]
  }

  close(): void {
    this.#closed = true
    try {
      this.#goHome()
      for (const leaf of foldersIn(this.cgroupRoot)) removeLeaf(join(this.cgroupRoot, leaf))
      rmdirSync(this.cgroupRoot)
    } catch {
      // A leaf that would not die keeps it; the next supervisor of this folder tries again.
    }
    closeSync(this.#home)
  }
}

/** CPU time of this process so far, µs. */
const ownCpuUs = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}
