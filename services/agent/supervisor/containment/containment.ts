/**
 * How the whole process tree of an attempt is held together. One interface, two makes; `probe.ts` picks the stronger
 * one that this machine allows. Called by one attempt at a time, on the supervisor's only thread.
 */
export interface Containment {
  /** As published in `joined`. */
  readonly name: 'cgroup-v2' | 'process-group'
  /** Folder of the leaves, for those who sample; null when there is none. */
  readonly cgroupRoot: string | null
  /** Whether `born` may be called now; when not, `onReady` is called once it may. */
  readonly ready: boolean
  /** Before the first `born`, after `endOrphans`. */
  open(onReady: () => void): void
  /** Runs `spawn` such that what it spawns belongs to the attempt from its first instruction on. `more`: another follows at once. */
  born<T>(attemptId: string, more: boolean, spawn: () => T): T
  /**
   * Called when the attempt's first process has been reaped (and again until true): whether nothing of the tree lives.
   * Also called, with pid 0, when it could not be spawned. `true` also lets go of what was held for the attempt.
   */
  isEmpty(attemptId: string, pid: number): boolean | Promise<boolean>
  /** SIGKILL to everything of the attempt that lives. `reaped`: its first process is gone, so its pid names nobody. */
  killAll(attemptId: string, pid: number, reaped: boolean): void
  /** CPU of the whole tree so far, ms; undefined where it can't be had. Call before `isEmpty`. */
  cpuMs(attemptId: string): number | undefined
  /** At start: ends whatever an earlier supervisor of this folder left. Resolves with the ids that would not die. */
  endOrphans(attemptIds: readonly string[]): Promise<string[]>
  /** The supervisor leaves; nothing runs. */
  close(): void
}

/** Waits between looks at a tree that is ending: prompt at first, patient later. Milliseconds. */
export const lookAgainMs = (look: number): number => Math.min(50, 1 + look * look)
