/**
 * How long a job of a kind (queue and name) is expected to run, from what the log says of earlier ones. Used for one
 * thing only: whether to order ahead of free slots. So it is careful: one long run counts at once, short runs bring
 * it down slowly. Integers in µs; the same log gives the same estimates.
 */
import { type JobSpec, limits } from '#schemas'

export type Estimates = Map<string, number>

export const estimateKey = (spec: JobSpec): string => `${spec.queue ?? 'default'}/${spec.name ?? spec.command[0]}`

/** Learns from one run. Keeps the kinds seen last (limits.estimatesKept). */
export const learn = (estimates: Estimates, key: string, wallMs: number): void => {
  const seen = Math.max(1, Math.round(wallMs * 1000))
  const before = estimates.get(key)
  const next = before === undefined || seen >= before ? seen : before - Math.floor((before - seen) / 4)
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
