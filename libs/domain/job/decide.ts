/**
 * What the leader decides about one job, from its state alone: at most one event, or nothing. A repeat decides
 * nothing, because the first decision has changed the state. Placement is decided elsewhere (placement/).
 */
import { type DecisionEvent, type Exited, limits, normaliseSpec, type OrderEvent, type Reason } from '#schemas'
import { retryDelayMs } from './retry.ts'
import type { Attempt, Job, Outcome } from './state.ts'

export type JobDecision = { decision: DecisionEvent } | { order: OrderEvent; host: string } | null

export const decideJob = (job: Job, nowMs: number): JobDecision => {
  switch (job.state.kind) {
    case 'queued':
    case 'retrying':
      return job.cancel ? cancelled(job, undefined) : null
    case 'assigned':
    case 'running':
      return job.cancel ? stop(job, job.state.attempt, job.state.kind === 'assigned') : null
    case 'stopping':
      return job.cancel?.force && job.state.attempt.stopGraceMs !== 0 ? stop(job, job.state.attempt, false) : null
    case 'ended':
      return decideEnded(job, job.state.attempt, job.state.outcome, nowMs)
  }
}

const cancelReason = (job: Job): Reason =>
  job.cancel?.text ? { code: 'cancelled', text: job.cancel.text } : { code: 'cancelled' }

const cancelled = (job: Job, attempt: number | undefined): JobDecision => ({
  decision: {
    type: 'cancelled',
    job: job.id,
    ...(attempt === undefined ? {} : { attempt }),
    reason: cancelReason(job),
  },
})

/** An unclaimed attempt is revoked: if its claim comes later in the log, it never starts. A claimed one is stopped. */
const stop = (job: Job, attempt: Attempt, mayBeUnclaimed: boolean): JobDecision => {
  const of = { job: job.id, attempt: attempt.n, reason: cancelReason(job) }
  if (mayBeUnclaimed && !attempt.claimed) return { order: { type: 'revoked', ...of }, host: attempt.host }
  const graceMs = job.cancel?.force ? 0 : normaliseSpec(job.spec).graceMs
  return { order: { type: 'stop-ordered', ...of, graceMs }, host: attempt.host }
}

const decideEnded = (job: Job, attempt: Attempt, outcome: Outcome, nowMs: number): JobDecision => {
  switch (outcome.kind) {
    case 'exited':
      if (outcome.exit.cause === 'lost') return decideLost(job, attempt, lostText(outcome.exit), nowMs)
      return decideExited(job, attempt, outcome.exit, nowMs)
    case 'lost':
      return decideLost(job, attempt, outcome.reason, nowMs)
    case 'refused':
      return job.cancel
        ? cancelled(job, attempt.n)
        : failed(job, attempt, { code: 'refusals-exhausted', ...text(outcome.reason.text) })
    case 'revoked':
      return cancelled(job, attempt.n)
  }
}

const text = (value: string | undefined): { text?: string } =>
  value === undefined ? {} : { text: value.slice(0, limits.reasonTextBytesMax) }

const failed = (job: Job, attempt: Attempt, reason: Reason): JobDecision => ({
  decision: { type: 'finished', job: job.id, attempt: attempt.n, state: 'failed', reason },
})

const lostText = (exit: Exited): Reason => ({ code: 'lost', ...text(exit.error?.message) })

const decideLost = (job: Job, attempt: Attempt, reason: Reason, nowMs: number): JobDecision => {
  if (job.cancel) return cancelled(job, attempt.n)
  const spec = normaliseSpec(job.spec)
  if (spec.onLost === 'fail') return failed(job, attempt, { code: 'on-lost-fail', ...text(reason.text) })
  if (job.losses >= limits.lossesMax)
    return failed(job, attempt, { code: 'losses-exhausted', text: `The job was lost ${job.losses + 1} times.` })
  // The first loss costs no time; a job that keeps losing its hosts must not take them down one by one at full speed.
  const delayMs = job.losses === 0 ? 0 : retryDelayMs(spec.retry, job.losses, `${job.id}/lost`)
  return retrying(job, attempt, nowMs + delayMs, { code: 'retry-after-loss', ...text(reason.text) })
}

const retrying = (job: Job, attempt: Attempt, dueAt: number, reason: Reason): JobDecision => ({
  decision: { type: 'retrying', job: job.id, attempt: attempt.n, dueAt, reason },
})

const decideExited = (job: Job, attempt: Attempt, exit: Exited, nowMs: number): JobDecision => {
  if (exit.cause === 'exit' && exit.exitCode === 0) {
    return {
      decision: {
        type: 'finished',
        job: job.id,
        attempt: attempt.n,
        state: 'succeeded',
        reason: { code: 'exit-zero' },
      },
    }
  }
  if (job.cancel) return cancelled(job, attempt.n)
  const spec = normaliseSpec(job.spec)
  const reason = failureReason(exit)
  const failures = job.failures + 1
  if (failures > spec.retry.max) {
    if (spec.retry.max === 0) return failed(job, attempt, reason)
    return failed(job, attempt, {
      code: 'retries-exhausted',
      text: `${reason.text ?? 'The attempt failed.'} No retries are left after ${job.attempts} attempts.`,
    })
  }
  const dueAt = nowMs + retryDelayMs(spec.retry, failures, job.id)
  return retrying(job, attempt, dueAt, {
    code: 'retry-within-policy',
    text: `${reason.text} Retry ${failures} of ${spec.retry.max}.`,
  })
}

const failureReason = (exit: Exited): Reason & { text: string } => {
  switch (exit.cause) {
    case 'timeout':
      return { code: 'timeout', text: 'The command ran longer than its time limit and was ended.' }
    case 'spawn':
      return {
        code: 'spawn',
        text: `The command could not be started: ${exit.error?.message ?? 'unknown error'}`.slice(
          0,
          limits.reasonTextBytesMax,
        ),
      }
    case 'exit':
      return { code: 'exit-code', text: `The command ended with exit code ${exit.exitCode}.` }
    default:
      return { code: 'signal', text: `The command was ended by ${exit.signal ?? 'a signal'}.` }
  }
}
