/**
 * The state of one host.
 *
 *   joined ─▶ up ─suspect─▶ suspect ─returned | joined─▶ up
 *              └──left──▶ left ─joined─▶ up
 *
 * Nothing is placed on a host that is not up. Its attempts stay with it until they end, or are given up (`lost`).
 */
import type { Joined, Resources } from '#schemas'
import type { Attempt, Job } from '../job/state.ts'

export type HostAttempt = { readonly job: Job; readonly attempt: Attempt }

/** An attempt that the host holds and that is not the current one of its job: it is told to end it. */
export type Stray = { readonly job: string; readonly attempt: number }

export type Host = {
  readonly id: string
  state: 'up' | 'suspect' | 'left'
  /** Broker time since which it is in that state. */
  sinceMs: number
  /** What the agent said of itself when it joined last, without the inventory. */
  joined: Omit<Joined, 'type' | 'inventory'>
  /** Sum of the resources of its attempts. Beyond the capacity only by orders ahead. */
  reserved: Resources
  /** The part of `reserved` that is held by attempts not known to be short: orders ahead can't count on it. */
  reservedLong: Resources
  /** By job id: a job has at most one current attempt. */
  readonly attempts: Map<string, HostAttempt>
  /** Claimed attempts that were not in the last inventory: given up at once. */
  missing: { job: string; attempt: number; rebooted: boolean }[]
  strays: Stray[]
}
