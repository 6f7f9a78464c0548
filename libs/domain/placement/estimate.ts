/**
 * How long a job of a kind (queue and name) is expected to run, from what the log says of earlier ones. Used for one
 * thing only: how many to order ahead of free slots. A moving average: a run that is long indeed (minutes) makes its kind
 * long at once and for many runs; one that a busy machine delayed a little does not. Integers in µs; the same log gives
 * the same estimates.
 */
import { type JobSpec, limits } from '#schemas'

export type Estimates = Map<string, number>

export const estimateKey = (spec: JobSpec): string => `${spec.queue ?? 'default'}/${spec.name ?? spec.command[0]}`

/** Learns from one run. Keeps the kinds seen last (limits.estimatesKept). */
export const learn = (estimates: Estimates, key: string, wallMs: number): void => {
  const seen = Math.max(1, Math.round(wallMs * 1000))
  const before = estimates.get(key)
  const next = before === undefined ? seen : before + Math.trunc((seen - before) / 8)
  if (before !== undefined) estimates.delete(key)
  else if (estimates.size >= limits.estimatesKept) estimates.delete(estimates.keys().next().value!)
  estimates.set(key, next)
}

/** How many times a host's capacity may be ordered for jobs of this kind: 1 means nothing ahead. */
export const orderFactor = (estimates: Estimates, key: string): number => {
  const us = estimates.get(key)
  if (us === undefined) return 1
  return 1 + Math.min(limits.orderAheadFactorMax, Math.floor((limits.orderAheadMs * 1000) / us))
}
