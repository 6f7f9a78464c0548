/**
 * How the leader's orders and an agent's facts change an attempt's row and its job's. See project.ts.
 *
 *   assigned ─claimed─▶ claimed ─started─▶ running ─exited─▶ exited        any live one: lost, refused, exited
 *      │ └─revoked─▶ revoked      └──── stop-ordered, or revoked after the claim ──▶ stopping ─▶ exited
 *
 * A fact about an attempt that is not its job's live one is late: it is counted, what it says is kept where nothing was
 * known, and no state changes.
 */
import { type Assigned, type Event, type Exited, limits } from '#schemas'
import type { At } from './project.ts'
import { isOpen, requeue, setReason } from './project-job.ts'
import { type AttemptRow, isLive, type JobRow, type Rows } from './rows.ts'

type AttemptEvent = Extract<
  Event,
  { type: 'revoked' | 'stop-ordered' | 'lost' | 'claimed' | 'started' | 'exited' | 'refused' }
>

/** The next attempt of a job that waits in its queue (or whose back-off is over), on a host that has joined. */
export const assigned = (rows: Rows, job: JobRow, event: Assigned, at: At): void => {
  const waits = job.state === 'queued' || (job.state === 'retrying' && (job.dueMs ?? 0) <= rows.cell.nowMs)
  if (!waits || job.attempt !== null || job.attempts + 1 !== event.attempt || !rows.host(at.host)) return
  job.state = 'assigned'
  job.attempts = event.attempt
  job.attempt = event.attempt
  job.dueMs = null
  setReason(job, event.reason)
  rows.changedJob(job)
  rows.addAttempt(job, {
    job: job.key,
    n: event.attempt,
    host: at.host,
    state: 'assigned',
    pid: null,
    assignedMs: at.timeMs,
    claimedMs: null,
    startedMs: null,
    exitedMs: null,
    exitCode: null,
    signal: null,
    cause: null,
    usage: null,
    error: null,
    fence: at.position,
    epoch: at.epoch,
    late: 0,
    stdoutBytes: 0,
    stderrBytes: 0,
    stdoutTail: '',
    stderrTail: '',
  })
}

/** Orders and facts about an attempt that was assigned to this host; about any other there is nothing to keep. */
export const projectAttempt = (rows: Rows, job: JobRow, event: AttemptEvent, at: At): void => {
  const attempt = rows.attempt(job, event.attempt)
  if (!attempt || attempt.host !== at.host) return
  if (isOpen(job) && job.attempt === event.attempt && isLive(attempt.state)) change(rows, job, attempt, event, at)
  else if (!keepLate(attempt, event, at)) return
  rows.changedAttempt(job, attempt)
}

const change = (rows: Rows, job: JobRow, attempt: AttemptRow, event: AttemptEvent, at: At): void => {
  switch (event.type) {
    case 'claimed':
      attempt.claimedMs ??= at.timeMs
      if (attempt.state === 'assigned') attempt.state = 'claimed'
      return
    case 'started':
      return started(rows, job, attempt, event.pid, at.timeMs)
    case 'stop-ordered':
      return stopping(rows, job, attempt, event.reason)
    case 'revoked':
      if (attempt.claimedMs !== null || attempt.startedMs !== null) return stopping(rows, job, attempt, event.reason)
      attempt.state = 'revoked'
      return givenBack(rows, job, event.reason, job.cancelAsked)
    case 'refused':
      attempt.state = 'refused'
      // Given back because others held the host too long: nobody's fault, and not counted.
      if (event.reason.code !== 'host-queue-wait') job.refusals++
      return givenBack(rows, job, event.reason, job.cancelAsked || job.refusals > limits.refusalsMax)
    case 'lost':
      attempt.state = 'lost'
      job.state = 'retrying'
      setReason(job, event.reason)
      return rows.changedJob(job)
    case 'exited':
      attempt.state = 'exited'
      return exited(rows, job, attempt, event, at.timeMs)
  }
}

const started = (rows: Rows, job: JobRow, attempt: AttemptRow, pid: number, timeMs: number): void => {
  attempt.pid = pid
  attempt.startedMs ??= timeMs
  if (attempt.state !== 'stopping') attempt.state = 'running'
  if (job.state === 'assigned') job.state = 'running'
  job.startedMs ??= timeMs
  rows.changedJob(job)
}

const stopping = (rows: Rows, job: JobRow, attempt: AttemptRow, reason: { code: string; text?: string }): void => {
  attempt.state = 'stopping'
  job.state = 'stopping'
  setReason(job, reason)
  rows.changedJob(job)
}

/** No process of it lives. `awaitsDecision`: the job will not be placed again, the leader's decision follows. */
const givenBack = (rows: Rows, job: JobRow, reason: { code: string; text?: string }, awaitsDecision: boolean): void => {
  const attempt = job.attempt
  requeue(rows, job, reason)
  if (awaitsDecision) job.attempt = attempt
}

const exited = (rows: Rows, job: JobRow, attempt: AttemptRow, event: Exited, timeMs: number): void => {
  learnExit(attempt, event, timeMs)
  if (attempt.startedMs === null || job.startedMs !== null) return
  job.startedMs = attempt.startedMs
  rows.changedJob(job)
}

/** What an exit says. The start, if no `started` came before it, is reckoned back from it by the host's own clock. */
const learnExit = (attempt: AttemptRow, event: Exited, timeMs: number): void => {
  attempt.exitedMs = timeMs
  attempt.exitCode = event.exitCode
  attempt.signal = event.signal
  attempt.cause = event.cause
  attempt.usage = JSON.stringify(event.usage)
  attempt.error = event.error === undefined ? null : JSON.stringify(event.error)
  attempt.pid = event.pid ?? attempt.pid
  if (attempt.startedMs === null && event.startedAt !== undefined) {
    const ranMs = Math.max(0, event.at - event.startedAt)
    attempt.startedMs = Math.max(attempt.claimedMs ?? attempt.assignedMs, timeMs - ranMs)
  }
  attempt.stdoutBytes = event.stdout?.bytes ?? 0
  attempt.stderrBytes = event.stderr?.bytes ?? 0
  attempt.stdoutTail = event.stdout?.tail ?? ''
  attempt.stderrTail = event.stderr?.tail ?? ''
}

/** Keeps what a late fact says; false for a late order, which says nothing that happened. */
const keepLate = (attempt: AttemptRow, event: AttemptEvent, at: At): boolean => {
  switch (event.type) {
    case 'claimed':
      attempt.claimedMs ??= at.timeMs
      break
    case 'started':
      attempt.startedMs ??= at.timeMs
      attempt.pid ??= event.pid
      break
    case 'exited':
      if (attempt.exitedMs === null) learnExit(attempt, event, at.timeMs)
      break
    case 'refused':
      break
    default:
      return false
  }
  attempt.late++
  return true
}
