/**
 * `plan`: the decisions of one pass. A pure function of the cluster (the log up to its position), of `nowMs` and of
 * what the leader has heard of its hosts. It changes nothing: its events take effect when they come back in the log.
 */
import { type DecisionEvent, type DoneNotice, limits, type OrderEvent } from '#schemas'
import { decideHost, givenUpAtMs } from '../host/decide.ts'
import { decideJob } from '../job/decide.ts'
import type { Job } from '../job/state.ts'
import { place } from '../placement/place.ts'
import type { Cluster } from './state.ts'

/** Name of the rules by which this version places and decides; recorded in each commit. */
export const policy = 'first-fit-1'

export type Observation = {
  /** Broker time, ms, carried on by the local monotonic clock. */
  nowMs: number
  /** Host → ms without a heartbeat by the leader's monotonic clock. A host that is absent counts as heard. */
  silentMs: ReadonlyMap<string, number>
}

export type Plan = {
  /** Position up to which the log was folded. */
  input: number
  nowMs: number
  decisions: DecisionEvent[]
  orders: Map<string, OrderEvent[]>
  /** What to tell those who wait, once the decisions are in the log. */
  done: Omit<DoneNotice, 'seq'>[]
  /** Broker time, ms, at which something becomes due without any event; null when nothing will. */
  nextAtMs: number | null
}

export const plan = (cluster: Cluster, observation: Observation): Plan => {
  const { nowMs, silentMs } = observation
  const made: Plan = { input: cluster.position, nowMs, decisions: [], orders: new Map(), done: [], nextAtMs: null }
  const order = (host: string, event: OrderEvent): void => {
    const list = made.orders.get(host)
    if (list) list.push(event)
    else made.orders.set(host, [event])
  }
  rejectPending(cluster, made)
  const excluded = decideJobs(cluster, nowMs, made, order)
  for (const host of cluster.hosts.values()) {
    for (const event of decideHost(host, silentMs.get(host.id) ?? 0, nowMs)) order(host.id, event)
  }
  for (const { host, order: event } of place(cluster, dueJobs(cluster, nowMs), excluded)) order(host, event)
  made.nextAtMs = nextAtMs(cluster, nowMs)
  return made
}

/** Whether a plan says nothing: then nothing is published. */
export const isEmptyPlan = (made: Plan): boolean => made.decisions.length === 0 && made.orders.size === 0

const rejectPending = (cluster: Cluster, made: Plan): void => {
  for (const { job, submission, reason, faults } of cluster.rejections.values()) {
    if (made.decisions.length >= limits.placementsPerPassMax) return
    const shown = faults.slice(0, limits.faultsPerRejectionMax)
    made.decisions.push({ type: 'rejected', job, submission, reason, ...(shown.length > 0 ? { faults: shown } : {}) })
    // Who waits for a job that stands hears of that job's own end, not of a refused second submission.
    if (!cluster.jobs.has(job) && !cluster.finished.has(job)) made.done.push(doneOf(job, 'rejected', reason))
  }
}

const decideJobs = (
  cluster: Cluster,
  nowMs: number,
  made: Plan,
  order: (host: string, event: OrderEvent) => void,
): Set<string> => {
  const excluded = new Set<string>()
  for (const job of cluster.attention) {
    if (made.decisions.length >= limits.placementsPerPassMax) break
    const decided = decideJob(job, nowMs)
    if (decided === null) continue
    excluded.add(job.id)
    if ('order' in decided) order(decided.host, decided.order)
    else {
      made.decisions.push(decided.decision)
      const notice = noticeOf(job, decided.decision)
      if (notice) made.done.push(notice)
    }
  }
  return excluded
}

const noticeOf = (job: Job, decision: DecisionEvent): Omit<DoneNotice, 'seq'> | null => {
  if (decision.type !== 'finished' && decision.type !== 'cancelled') return null
  const notice = doneOf(job.id, decision.type === 'finished' ? decision.state : 'cancelled', decision.reason)
  if (job.state.kind !== 'ended') return notice
  const { attempt, outcome } = job.state
  if (outcome.kind !== 'exited')
    return { ...notice, attempt: attempt.n, cause: outcome.kind === 'lost' ? 'lost' : null }
  const { exit } = outcome
  return {
    ...notice,
    attempt: attempt.n,
    cause: exit.cause,
    exitCode: exit.exitCode,
    signal: exit.signal,
    stdoutBytes: exit.stdout?.bytes ?? 0,
    stderrBytes: exit.stderr?.bytes ?? 0,
  }
}

const doneOf = (id: string, state: DoneNotice['state'], reason: DoneNotice['reason']): Omit<DoneNotice, 'seq'> => ({
  id,
  state,
  reason,
  exitCode: null,
  signal: null,
  cause: null,
  attempt: null,
  stdoutBytes: 0,
  stderrBytes: 0,
})

const dueJobs = (cluster: Cluster, nowMs: number): Job[] => {
  const due: Job[] = []
  for (const job of cluster.backoff.inOrder()) {
    if (job.state.kind !== 'retrying' || job.state.dueAtMs > nowMs) break
    due.push(job)
  }
  return due
}

const nextAtMs = (cluster: Cluster, nowMs: number): number | null => {
  let next = Number.POSITIVE_INFINITY
  for (const job of cluster.backoff.inOrder()) {
    if (job.state.kind !== 'retrying' || job.state.dueAtMs <= nowMs) continue
    next = job.state.dueAtMs
    break
  }
  for (const host of cluster.hosts.values()) {
    if (host.state === 'up') continue
    for (const held of host.attempts.values()) {
      const at = givenUpAtMs(host, held)
      if (at > nowMs && at < next) next = at
    }
  }
  return Number.isFinite(next) ? next : null
}
