/**
 * The state of one live job.
 *
 *   submitted ─▶ queued ─assigned─▶ assigned ─claimed─▶ assigned ─started─▶ running ─exited─▶ ended ─finished─▶ (gone)
 *                  ▲  ▲                │ │                                     │                │
 *                  │  └──refused───────┘ └─revoked (unclaimed)─▶ ended         └─stop-ordered─▶ stopping ─exited─▶ ended
 *                  │                                                                            │
 *                  └──────────────── (due) ── retrying ◀──────────────retrying──────────────────┘
 *
 * `ended` lasts from a fact (exited, lost, …) to the leader's decision about it. A job whose terminal decision was
 * folded is no longer live: only its id is remembered (cluster/state.ts).
 */
import type { Exited, JobSpec, Reason } from '#schemas'
import type { PlacementClass } from '../placement/classes.ts'

export type Attempt = {
  readonly n: number
  readonly host: string
  readonly epoch: number
  /** Position of the `assigned` event. */
  readonly fence: number
  claimed: boolean
  /** Whether jobs of its kind were known to be short when it was assigned: its slot turns over soon. */
  readonly short: boolean
  /** Grace of the stop that was ordered last; null when none was. */
  stopGraceMs: number | null
}

/** How an attempt came to its end. */
export type Outcome =
  | { kind: 'exited'; exit: Exited }
  | { kind: 'lost'; reason: Reason }
  | { kind: 'refused'; reason: Reason }
  | { kind: 'revoked'; reason: Reason }

export type JobState =
  | { kind: 'queued' }
  | { kind: 'assigned'; attempt: Attempt }
  | { kind: 'running'; attempt: Attempt }
  | { kind: 'stopping'; attempt: Attempt }
  | { kind: 'ended'; attempt: Attempt; outcome: Outcome }
  | { kind: 'retrying'; dueAtMs: number }

export type Job = {
  readonly id: string
  readonly spec: JobSpec
  /** hash53 of the spec's canonical JSON: tells a repeated submit from another job of the same id. */
  readonly specHash: number
  readonly priority: number
  /** Position of the submission that counts; also the FIFO order. */
  readonly submission: number
  readonly placement: PlacementClass
  /** Attempts so far. */
  attempts: number
  failures: number
  losses: number
  refusals: number
  cancel: { text: string | null; force: boolean } | null
  state: JobState
}

/** The attempt that the job has at present, if any: assigned, running or stopping. */
export const liveAttempt = (job: Job): Attempt | null =>
  job.state.kind === 'assigned' || job.state.kind === 'running' || job.state.kind === 'stopping'
    ? job.state.attempt
    : null
