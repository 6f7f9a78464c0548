/**
 * What the leader orders a host as such: suspect and returned by its heartbeats, attempts given up, strays ended.
 * `silentMs` is what the leader's own monotonic clock has seen since the last heartbeat.
 */
import { normaliseSpec, type OrderEvent, timing } from '#schemas'
import type { Host, HostAttempt } from './state.ts'

export const decideHost = (host: Host, silentMs: number, nowMs: number): OrderEvent[] => {
  const orders: OrderEvent[] = []
  const silent = silentMs >= timing.suspectAfterMs
  if (host.state === 'up' && silent) {
    orders.push({
      type: 'suspect',
      reason: { code: 'host-silent', text: `No heartbeat for ${(silentMs / 1000).toFixed(1)} s.` },
    })
  }
  if (host.state === 'suspect' && !silent) orders.push({ type: 'returned', reason: { code: 'host-back' } })
  for (const { job, attempt, rebooted } of host.missing) {
    orders.push({ type: 'lost', job, attempt, reason: { code: rebooted ? 'host-rebooted' : 'not-in-inventory' } })
  }
  for (const { job, attempt } of host.strays)
    orders.push({ type: 'revoked', job, attempt, reason: { code: 'superseded' } })
  if (host.state !== 'up' && (silent || host.state === 'left')) {
    const missing = new Set(host.missing.map(({ job }) => job))
    for (const held of host.attempts.values()) {
      if (givenUpAtMs(host, held) > nowMs || missing.has(held.job.id)) continue
      orders.push({
        type: 'lost',
        job: held.job.id,
        attempt: held.attempt.n,
        reason: { code: host.state === 'left' ? 'host-leaving' : 'host-silent' },
      })
    }
  }
  return orders
}

/** Broker time in ms at which this attempt is given up, if its host stays away. */
export const givenUpAtMs = (host: Host, { job, attempt }: HostAttempt): number => {
  const spec = normaliseSpec(job.spec)
  // An attempt that no agent has claimed runs nowhere: nothing is gained by waiting for its host.
  if (spec.onDisconnect === 'replace' || !attempt.claimed) return host.sinceMs
  return host.sinceMs + spec.lostAfterMs
}
