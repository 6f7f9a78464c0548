/**
 * The rows of the read model, as the projection changes them, and the port through which it reaches them.
 * Plain values only: times are broker time in ms, JSON columns are text, null means "not (yet)".
 */
import type { JobView } from '#schemas'

export type JobState = JobView['state']

export type JobRow = {
  /** Position of the first event that named the job. */
  readonly key: number
  readonly id: string
  /** null while no submission stands: the job was only named, and is not shown. */
  state: JobState | null
  submission: number | null
  reasonCode: string
  reasonText: string | null
  name: string
  queue: string
  priority: number
  labels: string | null
  /** JSON; null when it is too long to be kept twice: then it is read from the submission. */
  command: string | null
  cpuMilli: number
  memoryBytes: number
  custom: string | null
  actor: string | null
  correlation: string | null
  submittedMs: number | null
  startedMs: number | null
  finishedMs: number | null
  /** When a retrying job may be placed again. */
  dueMs: number | null
  /** Attempts so far. */
  attempts: number
  /** The attempt that is live, or that ended and awaits the leader's decision; null in between. */
  attempt: number | null
  /** The attempt whose result is the job's. */
  resultAttempt: number | null
  refusals: number
  cancelAsked: boolean
  faults: string | null
}

export type AttemptState = 'assigned' | 'claimed' | 'running' | 'stopping' | 'exited' | 'refused' | 'revoked' | 'lost'

export type AttemptRow = {
  /** Key of its job. */
  readonly job: number
  readonly n: number
  readonly host: string
  state: AttemptState
  pid: number | null
  readonly assignedMs: number
  claimedMs: number | null
  startedMs: number | null
  exitedMs: number | null
  exitCode: number | null
  signal: string | null
  cause: string | null
  usage: string | null
  error: string | null
  readonly fence: number
  readonly epoch: number
  late: number
  stdoutBytes: number
  stderrBytes: number
  stdoutTail: string
  stderrTail: string
}

export type HostRow = {
  readonly id: string
  state: 'up' | 'suspect' | 'left'
  capacity: string
  labels: string
  tools: string
  containment: string
  version: string
  agentPid: number
  supervisorPid: number | null
  joinedMs: number
}

/** The checkpoint, and what the fold carries from message to message. */
export type CellRow = {
  readonly namespace: string
  /** Broker time of the log's creation; 0 before the first message. */
  logCreatedMs: number
  /** Sequence of the last message folded; 0 before the first. */
  sequence: number
  /** Newest broker time seen: time never goes back in the fold. */
  timeMs: number
  /** The newest of the broker's times and the leader's `now`: what back-offs are measured against. */
  nowMs: number
  epoch: number | null
  leader: string | null
  events: number
  malformed: number
  /** Messages of a leader that was none any more: without effect. */
  fenced: number
}

/** What the projection reads and changes. Rows are changed in place and then named to `changed…`. */
export interface Rows {
  readonly cell: CellRow
  job(id: string): JobRow | null
  /** Adds a row for an id that has none. */
  addJob(key: number, id: string): JobRow
  attempt(job: JobRow, n: number): AttemptRow | null
  addAttempt(job: JobRow, attempt: AttemptRow): void
  host(id: string): HostRow | null
  addHost(host: HostRow): void
  changedJob(job: JobRow): void
  changedAttempt(job: JobRow, attempt: AttemptRow): void
  changedHost(host: HostRow): void
  /** Notes that an event names a job. */
  indexEvent(job: JobRow, position: number, type: string): void
}

/** Whether an attempt holds its host's resources. */
export const isLive = (state: AttemptState): boolean =>
  state === 'assigned' || state === 'claimed' || state === 'running' || state === 'stopping'

export const newJobRow = (key: number, id: string): JobRow => ({
  key,
  id,
  state: null,
  submission: null,
  reasonCode: '',
  reasonText: null,
  name: id,
  queue: 'default',
  priority: 0,
  labels: null,
  command: null,
  cpuMilli: 0,
  memoryBytes: 0,
  custom: null,
  actor: null,
  correlation: null,
  submittedMs: null,
  startedMs: null,
  finishedMs: null,
  dueMs: null,
  attempts: 0,
  attempt: null,
  resultAttempt: null,
  refusals: 0,
  cancelAsked: false,
  faults: null,
})

export const newCellRow = (namespace: string): CellRow => ({
  namespace,
  logCreatedMs: 0,
  sequence: 0,
  timeMs: 0,
  nowMs: 0,
  epoch: null,
  leader: null,
  events: 0,
  malformed: 0,
  fenced: 0,
})
