/**
 * The read model's fold: one message of LOG in, rows changed. A pure function of the rows and the message, which must
 * come to the same answer as the scheduler's own fold (libs/domain/cluster/evolve.ts): a test folds random logs
 * with both. Any bytes are fine; an event that does not fit the state it meets changes nothing but the index.
 *
 * Decisions and orders count only in the epoch of the last `leader-claimed` before them in the log.
 */
import { type Commit, type Decoded, type Event, type LogSubject, positionOf } from '#schemas'
import * as attempt from './project-attempt.ts'
import { projectHost } from './project-host.ts'
import * as job from './project-job.ts'
import type { JobRow, Rows } from './rows.ts'

/** One message of LOG, decoded; `subject` null when it is none that we know. */
export type Incoming = {
  readonly subject: LogSubject | null
  readonly sequence: number
  readonly timeMs: number
  readonly decoded: Decoded
}

/** Where an event stands, and when it was. */
export type At = {
  readonly position: number
  readonly timeMs: number
  readonly epoch: number
  /** Whose orders or facts these are; '' elsewhere. */
  readonly host: string
}

/** Folds one message. Messages come in order of sequence; one that was folded before has no effect. */
export const project = (rows: Rows, { subject, sequence, timeMs, decoded }: Incoming): void => {
  const { cell } = rows
  if (sequence <= cell.sequence) return
  cell.sequence = sequence
  if (timeMs > cell.timeMs) cell.timeMs = timeMs
  if (cell.timeMs > cell.nowMs) cell.nowMs = cell.timeMs
  if (subject === null || decoded.kind === 'malformed') {
    cell.malformed++
    return
  }
  projectCommit(rows, subject, sequence, decoded.commit)
}

const projectCommit = (rows: Rows, subject: LogSubject, sequence: number, commit: Commit): void => {
  const { cell } = rows
  const decided = subject.kind === 'decisions' || subject.kind === 'orders'
  const fenced = decided && commit.epoch !== (cell.epoch ?? undefined)
  if (fenced) cell.fenced++
  else if (decided && commit.plan && commit.plan.now > cell.nowMs) cell.nowMs = commit.plan.now
  const host = subject.kind === 'orders' || subject.kind === 'facts' ? subject.host : ''
  const first = positionOf(sequence, 0)
  cell.events += commit.events.length
  for (let index = 0; index < commit.events.length; index++) {
    const event = commit.events[index]!
    const position = first + index
    const row = 'job' in event ? (rows.job(event.job) ?? rows.addJob(position, event.job)) : null
    if (row) rows.indexEvent(row, position, event.type)
    if (!fenced) apply(rows, row, event, commit, { position, timeMs: cell.timeMs, epoch: commit.epoch ?? 0, host })
  }
}

const apply = (rows: Rows, row: JobRow | null, event: Event, commit: Commit, at: At): void => {
  switch (event.type) {
    case 'leader-claimed':
      rows.cell.epoch = Math.floor(at.position / positionOf(1, 0))
      rows.cell.leader = event.leader
      return
    case 'joined':
    case 'left':
    case 'suspect':
    case 'returned':
      return projectHost(rows, event, at)
    case 'submitted':
      return job.submitted(rows, row!, event, commit, at)
    case 'cancel-requested':
      return job.cancelRequested(rows, row!)
    case 'retry-requested':
      return job.retryRequested(rows, row!)
    case 'rejected':
      return job.rejected(rows, row!, event, at)
    case 'retrying':
      return job.retrying(rows, row!, event)
    case 'cancelled':
      return job.ended(rows, row!, 'cancelled', event.attempt, event.reason, at)
    case 'finished':
      return job.ended(rows, row!, event.state, event.attempt, event.reason, at)
    case 'assigned':
      return attempt.assigned(rows, row!, event, at)
    default:
      return attempt.projectAttempt(rows, row!, event, at)
  }
}
