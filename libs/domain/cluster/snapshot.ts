/**
 * A cluster as one JSON value and back: `restore(snapshotOf(c))` plus the tail of the log equals a full replay.
 * Everything that `evolve` or `plan` reads is in it; indexes (classes, heaps, attention) are built again.
 */
import type { JobSpec } from '#schemas'
import { canonicalJson, hash53 } from '../hash.ts'
import type { Host } from '../host/state.ts'
import { hold } from '../job/evolve.ts'
import { type Job, type JobState, liveAttempt } from '../job/state.ts'
import { joinClass } from '../placement/classes.ts'
import { noResources } from '../resources.ts'
import { type Cluster, newCluster, type PendingRejection } from './state.ts'

export const snapshotFormat = 1

type JobSnapshot = Omit<Job, 'placement' | 'specHash' | 'priority' | 'spec'> & { spec: JobSpec }
type HostSnapshot = Omit<Host, 'attempts' | 'reserved' | 'reservedLong'>

export type Snapshot = {
  format: number
  position: number
  timeMs: number
  leader: Cluster['leader']
  jobs: JobSnapshot[]
  hosts: HostSnapshot[]
  finished: [string, number][]
  estimates: [string, number][]
  rejections: PendingRejection[]
  attention: string[]
  counts: Cluster['counts']
}

/** The snapshot shares values with the cluster: turn it into text before the cluster changes. */
export const snapshotOf = (cluster: Cluster): Snapshot => ({
  format: snapshotFormat,
  position: cluster.position,
  timeMs: cluster.timeMs,
  leader: cluster.leader,
  jobs: [...cluster.jobs.values()].map(
    ({ placement: _placement, specHash: _hash, priority: _priority, ...job }) => job,
  ),
  hosts: [...cluster.hosts.values()].map(
    ({ attempts: _attempts, reserved: _reserved, reservedLong: _long, ...host }) => host,
  ),
  finished: [...cluster.finished],
  estimates: [...cluster.estimates],
  rejections: [...cluster.rejections.values()],
  attention: [...cluster.attention].map(({ id }) => id),
  counts: cluster.counts,
})

/** Throws RangeError on a format that is not this version's; the caller then replays from an older snapshot or from the start. */
export const restoreCluster = (value: unknown): Cluster => {
  const snapshot = value as Snapshot
  if (snapshot?.format !== snapshotFormat)
    throw new RangeError(`Snapshot format ${String(snapshot?.format)} is not ${snapshotFormat}.`)
  const cluster = newCluster()
  cluster.position = snapshot.position
  cluster.timeMs = snapshot.timeMs
  cluster.leader = snapshot.leader
  Object.assign(cluster.counts, snapshot.counts)
  for (const host of snapshot.hosts)
    cluster.hosts.set(host.id, { ...host, reserved: noResources(), reservedLong: noResources(), attempts: new Map() })
  for (const job of snapshot.jobs) restoreJob(cluster, job)
  for (const [id, hash] of snapshot.finished) cluster.finished.set(id, hash)
  for (const [key, us] of snapshot.estimates) cluster.estimates.set(key, us)
  for (const rejection of snapshot.rejections) cluster.rejections.set(rejection.submission, rejection)
  for (const id of snapshot.attention) cluster.attention.add(cluster.jobs.get(id)!)
  return cluster
}

const restoreJob = (cluster: Cluster, from: JobSnapshot): void => {
  const placement = joinClass(cluster.classes, from.spec)
  const job: Job = {
    ...from,
    state: from.state as JobState,
    specHash: hash53(canonicalJson(from.spec)),
    priority: from.spec.priority ?? 0,
    placement,
  }
  cluster.jobs.set(job.id, job)
  if (job.state.kind === 'queued') placement.jobs.push(job)
  if (job.state.kind === 'retrying') cluster.backoff.push(job)
  const attempt = liveAttempt(job)
  const host = attempt ? cluster.hosts.get(attempt.host) : undefined
  if (!attempt || !host) return
  host.attempts.set(job.id, { job, attempt })
  hold(host, job, attempt, 1)
}
