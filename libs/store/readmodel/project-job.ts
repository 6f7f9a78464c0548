/** How what clients ask for, and what the leader decides, changes a job's row. See project.ts. */
import {
  type Commit,
  isTerminalState,
  normaliseSpec,
  type Reason,
  type Rejected,
  type Retrying,
  type Submitted,
} from '#schemas'
import type { At } from './project.ts'
import { isLive, type JobRow, type JobState, type Rows } from './rows.ts'

/** A longer command is read from the log when somebody asks, so that a row stays cheap to rewrite. */
const commandCharactersMax = 1024

/** What is said of a job about which the leader has decided nothing yet. */
export const waitingReason: Reason = { code: 'queued', text: 'Waiting for a host.' }

export const setReason = (job: JobRow, reason: Reason): void => {
  job.reasonCode = reason.code
  job.reasonText = reason.text ?? null
}

/** Whether the job stands and has not ended: only then anything but a submission has an effect. */
export const isOpen = (job: JobRow): boolean => job.state !== null && !isTerminalState(job.state)

/** The first submission of an id stands; later ones change nothing (the leader may answer them with `rejected`). */
export const submitted = (rows: Rows, job: JobRow, event: Submitted, commit: Commit, at: At): void => {
  if (job.state !== null) return
  const spec = normaliseSpec(event.spec)
  const command = JSON.stringify(spec.command)
  const { custom } = spec.resources
  Object.assign(job, {
    state: 'queued',
    submission: at.position,
    name: spec.name,
    queue: spec.queue,
    priority: spec.priority,
    labels: event.spec.labels === undefined ? null : JSON.stringify(event.spec.labels),
    command: command.length <= commandCharactersMax ? command : null,
    cpuMilli: spec.resources.cpuMilli,
    memoryBytes: spec.resources.memoryBytes,
    custom: Object.keys(custom).length === 0 ? null : JSON.stringify(custom),
    actor: commit.actor ?? null,
    correlation: commit.correlation ?? null,
    submittedMs: at.timeMs,
  } satisfies Partial<JobRow>)
  setReason(job, waitingReason)
  rows.changedJob(job)
}

/** Changes no state: it decides whether an attempt that is given back goes into the queue again. */
export const cancelRequested = (rows: Rows, job: JobRow): void => {
  if (!isOpen(job) || job.cancelAsked) return
  job.cancelAsked = true
  rows.changedJob(job)
}

/** Ends the back-off of a job, if it is in one. */
export const retryRequested = (rows: Rows, job: JobRow): void => {
  if (job.state !== 'retrying' || job.attempt !== null) return
  requeue(rows, job, { code: 'requested-again' })
}

/** Terminal for the submission that it names, or for an id under which none stands; a note about any other. */
export const rejected = (rows: Rows, job: JobRow, event: Rejected, at: At): void => {
  const stands = job.state !== null
  if (stands && (job.submission !== event.submission || isTerminalState(job.state!))) return
  job.state = 'rejected'
  job.submission = event.submission
  job.submittedMs ??= at.timeMs
  job.finishedMs = at.timeMs
  job.faults = event.faults === undefined ? null : JSON.stringify(event.faults)
  setReason(job, event.reason)
  rows.changedJob(job)
}

/** Follows an attempt that has ended. */
export const retrying = (rows: Rows, job: JobRow, event: Retrying): void => {
  if (!isOpen(job) || job.attempt !== event.attempt || hasLiveAttempt(rows, job)) return
  job.state = 'retrying'
  job.attempt = null
  job.dueMs = event.dueAt
  setReason(job, event.reason)
  rows.changedJob(job)
}

/** A terminal decision. It has no effect while an attempt lives, nor when it speaks of another than the one that ended. */
export const ended = (
  rows: Rows,
  job: JobRow,
  state: JobState,
  attempt: number | undefined,
  reason: Reason,
  at: At,
): void => {
  if (!isOpen(job) || hasLiveAttempt(rows, job)) return
  if (job.attempt !== null && job.attempt !== attempt) return
  job.state = state
  job.finishedMs = at.timeMs
  job.resultAttempt = attempt ?? null
  job.dueMs = null
  setReason(job, reason)
  rows.changedJob(job)
}

/** The job stands in its queue again. */
export const requeue = (rows: Rows, job: JobRow, reason: Reason): void => {
  job.state = 'queued'
  job.attempt = null
  job.dueMs = null
  setReason(job, reason)
  rows.changedJob(job)
}

const hasLiveAttempt = (rows: Rows, job: JobRow): boolean => {
  const attempt = job.attempt === null ? null : rows.attempt(job, job.attempt)
  return attempt !== null && isLive(attempt.state)
}
