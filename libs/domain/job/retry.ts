/** When a failed attempt is tried again: exponential back-off with jitter that depends on the job and attempt alone. */
import type { RetryPolicy } from '#schemas'
import { unitHash } from '../hash.ts'

/**
 * Delay in ms before the attempt that follows the `failures`-th failure (from 1): `initial × factor^(failures-1)`,
 * at most `longest`, shortened by up to `jitter` of itself. The same input gives the same delay, on every reader.
 */
export const retryDelayMs = (policy: RetryPolicy, failures: number, seed: string): number => {
  const full = Math.min(policy.longestMs, policy.initialMs * policy.factor ** (failures - 1))
  return Math.round(full * (1 - policy.jitter * unitHash(`${seed}/${failures}`)))
}
