/**
 * What the archive answers over request/reply (`mr.query.<name>`), and the JSON that users see: the same shapes
 * travel through HTTP, the CLI's --json and the SDK (CONTRACT).
 */
import { type Static, Type } from '@sinclair/typebox'
import { Cause, ErrorDetail, Reason, Resources, Usage } from './events/parts.ts'
import { JobSpec } from './jobspec.ts'
import { limits } from './limits.ts'

const Nullable = <T extends ReturnType<typeof Type.Unsafe<unknown>> | Parameters<typeof Type.Union>[0][number]>(
  schema: T,
) => Type.Union([schema, Type.Null()])
const Time = Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description: 'RFC 3339, broker time.' })

export const JobState = Type.Union(
  (
    ['queued', 'assigned', 'running', 'stopping', 'retrying', 'succeeded', 'failed', 'cancelled', 'rejected'] as const
  ).map((s) => Type.Literal(s)),
)
export const terminalStates = ['succeeded', 'failed', 'cancelled', 'rejected'] as const
export const isTerminalState = (state: string): boolean => (terminalStates as readonly string[]).includes(state)

export const AttemptView = Type.Object({
  n: Type.Integer(),
  host: Type.String(),
  state: Type.String({ description: 'assigned, claimed, running, stopping, exited, refused, revoked, lost' }),
  pid: Nullable(Type.Integer()),
  assignedAt: Time,
  claimedAt: Time,
  startedAt: Time,
  exitedAt: Time,
  exitCode: Nullable(Type.Integer()),
  signal: Nullable(Type.String()),
  cause: Nullable(Type.String()),
  usage: Nullable(Usage),
  error: Type.Optional(ErrorDetail),
  fence: Type.Integer({ description: 'Position of the assigned event.' }),
  epoch: Type.Integer(),
  stdoutBytes: Type.Integer(),
  stderrBytes: Type.Integer(),
  stdoutTail: Type.String({ description: 'base64: the last bytes; the whole output when stdoutBytes is not larger' }),
  stderrTail: Type.String(),
  late: Type.Integer({ description: 'Facts that came after the attempt was given up.' }),
})

export const JobView = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    state: JobState,
    reason: Reason,
    queue: Type.String(),
    priority: Type.Integer(),
    labels: Type.Record(Type.String(), Type.String()),
    spec: JobSpec,
    submittedAt: Time,
    startedAt: Time,
    finishedAt: Time,
    actor: Nullable(Type.String()),
    correlationId: Nullable(Type.String()),
    faults: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }))),
    result: Nullable(
      Type.Object({
        exitCode: Nullable(Type.Integer()),
        signal: Nullable(Type.String()),
        cause: Nullable(Cause),
        error: Type.Optional(ErrorDetail),
        outputs: Type.Array(Type.Object({ path: Type.String(), size: Type.Integer(), digest: Type.String() })),
      }),
    ),
    usage: Nullable(Usage),
    attempts: Type.Array(AttemptView),
    submission: Type.Integer({ description: 'Position of the submission that counts.' }),
    seq: Type.Integer({ description: 'LOG sequence that this reflects.' }),
  },
  { $id: 'Job', title: 'Job' },
)

export const HostView = Type.Object(
  {
    id: Type.String(),
    state: Type.Union([Type.Literal('up'), Type.Literal('suspect'), Type.Literal('left')]),
    capacity: Resources,
    reserved: Resources,
    labels: Type.Record(Type.String(), Type.String()),
    tools: Type.Record(Type.String(), Type.String()),
    containment: Type.String(),
    agentPid: Type.Integer(),
    supervisorPid: Nullable(Type.Integer()),
    attempts: Type.Array(Type.Object({ job: Type.String(), attempt: Type.Integer(), state: Type.String() })),
    joinedAt: Time,
    lastBeatAt: Time,
    version: Type.String(),
  },
  { $id: 'Host', title: 'Host' },
)

/** Fields that every query may carry: wait (up to 5 s) until the archive reflects this sequence. */
const atLeast = { atLeastSequence: Type.Optional(Type.Integer({ minimum: 0 })) }

export const queryRequests = {
  /** One job by its id or any unambiguous prefix of it. */
  job: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }), ...atLeast }),
  jobs: Type.Object({
    state: Type.Optional(Type.Array(Type.String())),
    queue: Type.Optional(Type.String()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    live: Type.Optional(Type.Boolean({ description: 'Only jobs that have not ended.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.listPageMax })),
    cursor: Type.Optional(Type.String({ description: 'From the answer before: newest first.' })),
    ...atLeast,
  }),
  hosts: Type.Object({
    cursor: Type.Optional(Type.String({ maxLength: 64, description: 'From the answer before: by id.' })),
    ...atLeast,
  }),
  events: Type.Object({
    job: Type.Optional(Type.String()),
    host: Type.Optional(Type.String()),
    /** First position wanted. */
    from: Type.Optional(Type.Integer({ minimum: 0 })),
    /** First broker time wanted, ms; alternative to from. */
    fromTimeMs: Type.Optional(Type.Integer()),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.listPageMax })),
    ...atLeast,
  }),
  status: Type.Object({}),
} as const

export type QueryName = keyof typeof queryRequests
export type QueryRequest<N extends QueryName> = Static<(typeof queryRequests)[N]>

export type JobView = Static<typeof JobView>
export type AttemptView = Static<typeof AttemptView>
export type HostView = Static<typeof HostView>
export type JobSummary = Pick<
  JobView,
  'id' | 'name' | 'state' | 'reason' | 'queue' | 'priority' | 'labels' | 'submittedAt' | 'startedAt' | 'finishedAt'
> & {
  exitCode: number | null
  host: string | null
  command: readonly string[]
}

export type QueryAnswers = {
  job: JobView
  jobs: { jobs: JobSummary[]; cursor: string | null; seq: number }
  /** `cursor` when the hosts did not fit in one answer. */
  hosts: { hosts: HostView[]; cursor?: string | null; seq: number }
  /** CloudEvents in order; `next` is the position to go on from. */
  events: { events: import('./cloudevent.ts').CloudEvent[]; next: number; seq: number }
  status: { seq: number; jobs: number; events: number; logCreatedMs: number; counts: Record<string, number> }
}
/** An error answer: {"error": …}. Codes: not-found, ambiguous-id, bad-request, not-yet. */
export type QueryError = { error: { code: string; message: string } }

/** Body of a `mr.done.<id>` notice and what `wait` gives: enough to end a `run` without asking anybody. */
export type DoneNotice = {
  id: string
  state: 'succeeded' | 'failed' | 'cancelled' | 'rejected'
  reason: { code: string; text?: string }
  exitCode: number | null
  signal: string | null
  cause: string | null
  attempt: number | null
  stdoutBytes: number
  stderrBytes: number
  /** LOG sequence of the deciding commit. */
  seq: number
}
/** Body of a `mr.notice.<id>.started` notice. */
export type StartedNotice = { id: string; attempt: number; host: string; pid: number }

/** Body of a heartbeat on `mr.beat.<host>`. */
export type BeatBody = {
  host: string
  incarnation: string
  bootId: string
  at: number
  running: number
  waiting: number
  spool: number
}
/** Body of a leader's lease on `mr.lease.leader`. */
export type LeaseBody = { leader: string; epoch: number; renewal: number }
