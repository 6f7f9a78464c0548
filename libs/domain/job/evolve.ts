/**
 * How events change one job: what is common to all of them is here (leaving the queue, taking and giving back a host's
 * resources, remembering ended ids). Each function answers whether the event had an effect; one that does not fit the
 * job's state has none, so that a repeated or late event is harmless.
 */
import { type CancelRequested, type Exited, type JobSpec, limits, type Reason } from '#schemas'
import type { Cluster } from '../cluster/state.ts'
import { canonicalJson, hash53 } from '../hash.ts'
import type { Host } from '../host/state.ts'
import { joinClass, leaveClass } from '../placement/classes.ts'
import { estimateKey, learn, orderFactor } from '../placement/estimate.ts'
import { addResources } from '../resources.ts'
import { type Attempt, type Job, liveAttempt, type Outcome } from './state.ts'

/** A new job, or a repeat (same id, same spec: nothing happens), or a conflict (another spec: it will be rejected). */
export const submitted = (cluster: Cluster, id: string, spec: JobSpec, position: number): void => {
  const specHash = hash53(canonicalJson(spec))
  const known = cluster.jobs.get(id)?.specHash ?? cluster.finished.get(id)
  if (known !== undefined) {
    if (known === specHash) cluster.counts.repeated++
    else reject(cluster, id, position, { code: 'id-taken' }, [])
    return
  }
  const placement = joinClass(cluster.classes, spec)
  const job: Job = {
    id,
    spec,
    specHash,
    priority: spec.priority ?? 0,
    submission: position,
    placement,
    attempts: 0,
    failures: 0,
    losses: 0,
    refusals: 0,
    cancel: null,
    state: { kind: 'queued' },
  }
  cluster.jobs.set(id, job)
  placement.jobs.push(job)
}

/** Notes a submission that the leader has to answer with `rejected`. */
export const reject = (
  cluster: Cluster,
  job: string,
  submission: number,
  reason: Reason,
  faults: readonly { pointer: string; message: string }[],
): void => {
  if (cluster.rejections.size < limits.refusalsPendingMax)
    cluster.rejections.set(submission, { job, submission, reason, faults })
}

/** The submission was answered. When no job stands under the id, the id is taken from now on: rejected is terminal. */
export const rejected = (cluster: Cluster, id: string, submission: number): void => {
  if (!cluster.rejections.delete(submission)) return
  const job = cluster.jobs.get(id)
  if (job?.submission === submission) end(cluster, job)
  else if (!job && !cluster.finished.has(id)) remember(cluster, id, 0)
}

/** The first request counts; a later one with force makes it harder. */
export const cancelRequested = (cluster: Cluster, event: CancelRequested): void => {
  const job = cluster.jobs.get(event.job)
  if (!job) return
  if (!job.cancel) job.cancel = { text: event.reason ?? null, force: event.force ?? false }
  else if (event.force) job.cancel.force = true
  cluster.attention.add(job)
}

/** Ends the back-off of a job, if it is in one. */
export const retryRequested = (cluster: Cluster, id: string): void => {
  const job = cluster.jobs.get(id)
  if (job?.state.kind === 'retrying') requeue(cluster, job)
}

/** Every job whose back-off is over by then stands in its queue again. */
export const wake = (cluster: Cluster, nowMs: number): void => {
  for (
    let job = cluster.backoff.peek();
    job?.state.kind === 'retrying' && job.state.dueAtMs <= nowMs;
    job = cluster.backoff.peek()
  ) {
    requeue(cluster, job)
  }
}

const requeue = (cluster: Cluster, job: Job): void => {
  cluster.backoff.remove(job)
  job.state = { kind: 'queued' }
  job.placement.jobs.push(job)
}

export const assigned = (cluster: Cluster, id: string, n: number, host: string, epoch: number, fence: number): void => {
  const job = cluster.jobs.get(id)
  const on = cluster.hosts.get(host)
  if (job?.state.kind !== 'queued' || job.attempts + 1 !== n || !on) return
  const attempt: Attempt = {
    n,
    host,
    epoch,
    fence,
    claimed: false,
    short: orderFactor(cluster.estimates, estimateKey(job.spec)) > 1,
    stopGraceMs: null,
  }
  job.placement.jobs.remove(job)
  job.attempts = n
  job.state = { kind: 'assigned', attempt }
  on.attempts.set(id, { job, attempt })
  hold(on, job, attempt, 1)
  // A cancel that came before the order was seen still has to be decided, now as a revocation.
  if (job.cancel) cluster.attention.add(job)
}

/** The job, when this is its current attempt on this host; counts a late fact otherwise. */
const current = (cluster: Cluster, id: string, n: number, host: string): { job: Job; attempt: Attempt } | null => {
  const job = cluster.jobs.get(id)
  const attempt = job ? liveAttempt(job) : null
  if (job && attempt?.n === n && attempt.host === host) return { job, attempt }
  cluster.counts.late++
  return null
}

export const claimed = (cluster: Cluster, id: string, n: number, host: string): void => {
  const found = current(cluster, id, n, host)
  if (found) found.attempt.claimed = true
}

export const started = (cluster: Cluster, id: string, n: number, host: string): void => {
  const found = current(cluster, id, n, host)
  if (!found) return
  found.attempt.claimed = true
  if (found.job.state.kind === 'assigned') found.job.state = { kind: 'running', attempt: found.attempt }
}

/** Before the claim the attempt is over: its claim will have no effect. After it, this is an order to stop. */
export const revoked = (cluster: Cluster, id: string, n: number, host: string, reason: Reason): void => {
  const found = current(cluster, id, n, host)
  if (!found) return
  if (found.attempt.claimed) stopping(found.job, found.attempt, 0)
  else if (found.job.cancel) endAttempt(cluster, found.job, found.attempt, { kind: 'revoked', reason })
  else backToQueue(cluster, found.job, found.attempt)
}

export const stopOrdered = (cluster: Cluster, id: string, n: number, host: string, graceMs: number): void => {
  const found = current(cluster, id, n, host)
  if (found) stopping(found.job, found.attempt, graceMs)
}

const stopping = (job: Job, attempt: Attempt, graceMs: number): void => {
  attempt.stopGraceMs = graceMs
  job.state = { kind: 'stopping', attempt }
}

export const exited = (cluster: Cluster, event: Exited, host: string): void => {
  const found = current(cluster, event.job, event.attempt, host)
  if (!found) return
  if (event.cause !== 'lost' && event.cause !== 'spawn')
    learn(cluster.estimates, estimateKey(found.job.spec), event.usage.wallMs)
  // The tails are the archive's; the fold keeps what decisions need.
  const { stdout, stderr, ...exit } = event
  const bytes = { stdout: { bytes: stdout?.bytes ?? 0, tail: '' }, stderr: { bytes: stderr?.bytes ?? 0, tail: '' } }
  endAttempt(cluster, found.job, found.attempt, { kind: 'exited', exit: { ...exit, ...bytes } })
}

export const refused = (cluster: Cluster, id: string, n: number, host: string, reason: Reason): void => {
  const found = current(cluster, id, n, host)
  if (!found) return
  // Given back because others held the host too long: nobody's fault, but such jobs are no longer ordered ahead.
  if (reason.code === 'host-queue-wait')
    learn(cluster.estimates, estimateKey(found.job.spec), limits.hostQueueWaitMsMax)
  else found.job.refusals++
  if (found.job.refusals > limits.refusalsMax || found.job.cancel)
    endAttempt(cluster, found.job, found.attempt, { kind: 'refused', reason })
  else backToQueue(cluster, found.job, found.attempt)
}

export const lost = (cluster: Cluster, id: string, n: number, host: string, reason: Reason): void => {
  const found = current(cluster, id, n, host)
  if (found) endAttempt(cluster, found.job, found.attempt, { kind: 'lost', reason })
}

/** Counts an attempt's resources in (1) or out (-1) of its host. */
export const hold = (host: Host, job: Job, attempt: Attempt, factor: 1 | -1): void => {
  host.reserved = addResources(host.reserved, job.placement.resources, factor)
  if (!attempt.short) host.reservedLong = addResources(host.reservedLong, job.placement.resources, factor)
}

const leaveHost = (cluster: Cluster, job: Job, attempt: Attempt): void => {
  const host = cluster.hosts.get(attempt.host)
  if (host?.attempts.delete(job.id)) hold(host, job, attempt, -1)
}

const endAttempt = (cluster: Cluster, job: Job, attempt: Attempt, outcome: Outcome): void => {
  leaveHost(cluster, job, attempt)
  job.state = { kind: 'ended', attempt, outcome }
  cluster.attention.add(job)
}

const backToQueue = (cluster: Cluster, job: Job, attempt: Attempt): void => {
  leaveHost(cluster, job, attempt)
  requeue(cluster, job)
}

export const retrying = (cluster: Cluster, id: string, n: number, dueAtMs: number): void => {
  const job = cluster.jobs.get(id)
  if (job?.state.kind !== 'ended' || job.state.attempt.n !== n) return
  const { outcome } = job.state
  if (outcome.kind === 'lost' || (outcome.kind === 'exited' && outcome.exit.cause === 'lost')) job.losses++
  else job.failures++
  job.state = { kind: 'retrying', dueAtMs }
  cluster.backoff.push(job)
  if (!job.cancel) cluster.attention.delete(job)
}

/** A terminal decision: the job is live no longer. It has no effect while an attempt of the job lives. */
export const terminal = (cluster: Cluster, id: string, n: number | undefined): void => {
  const job = cluster.jobs.get(id)
  if (!job || liveAttempt(job) || (job.state.kind === 'ended' && job.state.attempt.n !== n)) return
  end(cluster, job)
}

const end = (cluster: Cluster, job: Job): void => {
  cluster.backoff.remove(job)
  cluster.attention.delete(job)
  leaveClass(cluster.classes, job)
  cluster.jobs.delete(job.id)
  remember(cluster, job.id, job.specHash)
}

const remember = (cluster: Cluster, id: string, specHash: number): void => {
  cluster.finished.set(id, specHash)
  if (cluster.finished.size > limits.finishedIdsKept) cluster.finished.delete(cluster.finished.keys().next().value!)
}
