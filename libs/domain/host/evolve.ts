/** How events change one host. An event that does not fit the host's state has no effect. */
import type { Joined } from '#schemas'
import type { Cluster } from '../cluster/state.ts'
import { noResources } from '../resources.ts'
import type { Host } from './state.ts'

/**
 * The agent started (again). Claimed attempts that it no longer has are missing; attempts that it has and that are
 * not current are strays. Unclaimed ones stay: their orders wait in the host's consumer.
 */
export const joined = (cluster: Cluster, id: string, event: Joined, timeMs: number): void => {
  const { type: _type, inventory, ...said } = event
  let host = cluster.hosts.get(id)
  const rebooted = host !== undefined && host.joined.bootId !== event.bootId
  if (!host) {
    host = {
      id,
      state: 'up',
      sinceMs: timeMs,
      joined: said,
      reserved: noResources(),
      reservedLong: noResources(),
      attempts: new Map(),
      missing: [],
      strays: [],
    }
    cluster.hosts.set(id, host)
  }
  host.state = 'up'
  host.sinceMs = timeMs
  host.joined = said
  const has = new Set(inventory.map(({ job, attempt }) => `${job}.${attempt}`))
  host.missing = []
  for (const { job, attempt } of host.attempts.values()) {
    if (attempt.claimed && !has.has(`${job.id}.${attempt.n}`))
      host.missing.push({ job: job.id, attempt: attempt.n, rebooted })
  }
  host.strays = inventory
    .filter(({ job, attempt }) => host.attempts.get(job)?.attempt.n !== attempt)
    .map(({ job, attempt }) => ({ job, attempt }))
}

export const suspect = (host: Host, timeMs: number): void => {
  if (host.state !== 'up') return
  host.state = 'suspect'
  host.sinceMs = timeMs
}

export const returned = (host: Host, timeMs: number): void => {
  if (host.state !== 'suspect') return
  host.state = 'up'
  host.sinceMs = timeMs
}

export const left = (host: Host, timeMs: number): void => {
  host.state = 'left'
  host.sinceMs = timeMs
}

/** The leader has answered for this attempt (lost or revoked): it need not do so again. */
export const answered = (host: Host, job: string, attempt: number): void => {
  if (host.missing.length > 0) host.missing = host.missing.filter((m) => m.job !== job || m.attempt !== attempt)
  if (host.strays.length > 0) host.strays = host.strays.filter((s) => s.job !== job || s.attempt !== attempt)
}
