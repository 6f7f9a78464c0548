/**
 * The fold of LOG: one message in, the cluster changed. Any message of any bytes is fine; what has no effect is
 * counted. Decisions and orders count only in the epoch of the last `leader-claimed` before them in the log, so every
 * reader comes to the same answer about a deposed leader.
 */
import { type Decoded, type Event, type LogSubject, positionOf } from '#schemas'
import * as host from '../host/evolve.ts'
import * as job from '../job/evolve.ts'
import type { Cluster } from './state.ts'

/** One message of LOG, decoded; `subject` null when it is none that we know. */
export type Incoming = { subject: LogSubject | null; sequence: number; timeMs: number; decoded: Decoded }

/** Folds one message. Messages must come in order of sequence; one that was folded before has no effect. */
export const evolve = (cluster: Cluster, { subject, sequence, timeMs, decoded }: Incoming): void => {
  const first = positionOf(sequence, 0)
  if (first <= cluster.position) return
  cluster.position = first
  if (timeMs > cluster.timeMs) cluster.timeMs = timeMs
  job.wake(cluster, cluster.timeMs)
  if (subject === null || decoded.kind === 'malformed') {
    cluster.counts.malformed++
    if (subject?.kind === 'job' && subject.event === 'submitted' && decoded.kind === 'malformed') {
      job.reject(cluster, subject.job, first, { code: decoded.reason }, decoded.faults)
    }
    return
  }
  const { commit } = decoded
  if ((subject.kind === 'decisions' || subject.kind === 'orders') && commit.epoch !== cluster.leader?.epoch) {
    cluster.counts.fenced++
    return
  }
  // The leader planned at a `now` that may lie after this message's time: what was due then is due here.
  if (commit.plan && commit.epoch !== undefined) job.wake(cluster, commit.plan.now)
  const hostId = subject.kind === 'orders' || subject.kind === 'facts' ? subject.host : null
  for (let index = 0; index < commit.events.length; index++) {
    apply(cluster, commit.events[index]!, hostId, {
      sequence,
      position: first + index,
      timeMs: cluster.timeMs,
      epoch: commit.epoch ?? 0,
    })
  }
  cluster.position = first + commit.events.length - 1
}

type At = { sequence: number; position: number; timeMs: number; epoch: number }

const apply = (cluster: Cluster, event: Event, hostId: string | null, at: At): void => {
  switch (event.type) {
    case 'submitted':
      return job.submitted(cluster, event.job, event.spec, at.position)
    case 'cancel-requested':
      return job.cancelRequested(cluster, event)
    case 'retry-requested':
      return job.retryRequested(cluster, event.job)
    case 'rejected':
      return job.rejected(cluster, event.job, event.submission)
    case 'retrying':
      return job.retrying(cluster, event.job, event.attempt, event.dueAt)
    case 'cancelled':
    case 'finished':
      return job.terminal(cluster, event.job, event.attempt)
    case 'leader-claimed':
      cluster.leader = { epoch: at.sequence, leader: event.leader, sinceMs: at.timeMs }
      return
    case 'joined':
      return host.joined(cluster, hostId!, event, at.timeMs)
    default:
      return applyToHost(cluster, event, hostId!, at)
  }
}

type HostEvent = Exclude<
  Event,
  {
    type:
      | 'submitted'
      | 'cancel-requested'
      | 'retry-requested'
      | 'rejected'
      | 'retrying'
      | 'cancelled'
      | 'finished'
      | 'leader-claimed'
      | 'joined'
  }
>

const applyToHost = (cluster: Cluster, event: HostEvent, hostId: string, at: At): void => {
  const on = cluster.hosts.get(hostId)
  // Nothing can be said of a host that has never joined: its attempts were never assigned either.
  if (!on) return
  switch (event.type) {
    case 'assigned':
      return job.assigned(cluster, event.job, event.attempt, hostId, at.epoch, at.position)
    case 'revoked':
      host.answered(on, event.job, event.attempt)
      return job.revoked(cluster, event.job, event.attempt, hostId, event.reason)
    case 'stop-ordered':
      return job.stopOrdered(cluster, event.job, event.attempt, hostId, event.graceMs)
    case 'suspect':
      return host.suspect(on, at.timeMs)
    case 'returned':
      return host.returned(on, at.timeMs)
    case 'lost':
      host.answered(on, event.job, event.attempt)
      return job.lost(cluster, event.job, event.attempt, hostId, event.reason)
    case 'claimed':
      return job.claimed(cluster, event.job, event.attempt, hostId)
    case 'started':
      return job.started(cluster, event.job, event.attempt, hostId)
    case 'exited':
      return job.exited(cluster, event, hostId)
    case 'refused':
      return job.refused(cluster, event.job, event.attempt, hostId, event.reason)
    case 'left':
      return host.left(on, at.timeMs)
    default:
      return event satisfies never
  }
}
