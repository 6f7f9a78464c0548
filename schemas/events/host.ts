/**
 * Events of a host: the leader's orders (`mr.host.<h>.orders`) and the agent's facts (`mr.host.<h>.facts`).
 * The host id stands in the subject, not in the event: identity is what the broker's permissions enforce.
 */
import { type Static, Type } from '@sinclair/typebox'
import { limits } from '../limits.ts'
import { AttemptNumber, JobId, labelNamePattern } from '../names.ts'
import { Cause, ErrorDetail, ofAttempt, Reason, Resources, Usage } from './parts.ts'

/** Of records only: a record's pattern alone leaves values under other names unchecked. Events stay open. */
const closed = { additionalProperties: false } as const

// ---- orders: written by the scheduler's leader ----

export const Assigned = Type.Object(
  {
    type: Type.Literal('assigned'),
    ...ofAttempt,
    spec: Type.Unknown({ description: 'The JobSpec, repeated so that the agent needs no other message.' }),
    reason: Reason,
  },
  { description: 'The host shall claim and run this attempt. Its position is the fence.' },
)

export const Revoked = Type.Object(
  { type: Type.Literal('revoked'), ...ofAttempt, reason: Reason },
  { description: 'The attempt shall not start; if it was claimed before this in the log, it shall be ended.' },
)

export const StopOrdered = Type.Object(
  {
    type: Type.Literal('stop-ordered'),
    ...ofAttempt,
    graceMs: Type.Integer({ minimum: 0, maximum: limits.graceMsMax }),
    reason: Reason,
  },
  { description: 'The attempt shall be ended: TERM, grace, KILL.' },
)

export const Suspect = Type.Object(
  { type: Type.Literal('suspect'), reason: Reason },
  { description: 'The host is silent; nothing new is placed on it. No job changes yet.' },
)

export const Lost = Type.Object(
  { type: Type.Literal('lost'), ...ofAttempt, reason: Reason },
  { description: 'The attempt is given up; facts about it are late from here on.' },
)

export const Returned = Type.Object(
  { type: Type.Literal('returned'), reason: Reason },
  { description: 'The host is heard again.' },
)

// ---- facts: written by that host's agent ----

export const Joined = Type.Object(
  {
    type: Type.Literal('joined'),
    bootId: Type.String({
      maxLength: 64,
      description: "The kernel's boot id: another one means that nothing of before lives.",
    }),
    incarnation: Type.String({ maxLength: 64, description: "Id of this life of the agent's process." }),
    capacity: Resources,
    labels: Type.Record(Type.String({ pattern: labelNamePattern }), Type.String(), closed),
    tools: Type.Record(Type.String({ pattern: labelNamePattern }), Type.String(), {
      ...closed,
      description: 'Tool name → version.',
    }),
    containment: Type.String({
      maxLength: 64,
      description: 'How a whole process tree is held: cgroup-v2, pid-namespace, process-group.',
    }),
    version: Type.String({ maxLength: 64 }),
    agentPid: Type.Integer(),
    supervisorPid: Type.Union([Type.Integer(), Type.Null()]),
    inventory: Type.Array(Type.Object({ job: JobId, attempt: AttemptNumber }), {
      description: 'Every attempt that this agent still answers for: claimed, running, or ended and not yet reported.',
    }),
  },
  { description: 'An agent started (again) and says what it is and what it has.' },
)

export const Claimed = Type.Object(
  { type: Type.Literal('claimed'), ...ofAttempt },
  { description: 'The agent will spawn the attempt once it sees this event come back in the log.' },
)

export const Started = Type.Object(
  {
    type: Type.Literal('started'),
    ...ofAttempt,
    pid: Type.Integer({ minimum: 1 }),
    at: Type.Integer({ description: "Host's clock, ms: display only." }),
  },
  { description: 'The process runs.' },
)

export const Exited = Type.Object(
  {
    type: Type.Literal('exited'),
    ...ofAttempt,
    cause: Cause,
    exitCode: Type.Union([Type.Integer(), Type.Null()]),
    signal: Type.Union([Type.String({ maxLength: 16 }), Type.Null()]),
    pid: Type.Optional(Type.Integer({ minimum: 1 })),
    startedAt: Type.Optional(Type.Integer({ description: "Host's clock, ms: display only." })),
    at: Type.Integer({ description: "Host's clock, ms: display only." }),
    usage: Usage,
    error: Type.Optional(ErrorDetail),
    stdout: Type.Optional(Type.Object({ bytes: Type.Integer({ minimum: 0 }), tail: Type.String() })),
    stderr: Type.Optional(Type.Object({ bytes: Type.Integer({ minimum: 0 }), tail: Type.String() })),
  },
  {
    description:
      'The attempt ended, or could not start (cause spawn), or its supervisor died (cause lost). Tails: base64.',
  },
)

export const Refused = Type.Object(
  { type: Type.Literal('refused'), ...ofAttempt, reason: Reason },
  { description: 'The agent gives the attempt back; no process of it was ever spawned.' },
)

export const Left = Type.Object(
  { type: Type.Literal('left'), reason: Reason },
  { description: 'The agent stops on purpose; its jobs go on under the supervisor.' },
)

export type Assigned = Static<typeof Assigned>
export type Revoked = Static<typeof Revoked>
export type StopOrdered = Static<typeof StopOrdered>
export type Suspect = Static<typeof Suspect>
export type Lost = Static<typeof Lost>
export type Returned = Static<typeof Returned>
export type Joined = Static<typeof Joined>
export type Claimed = Static<typeof Claimed>
export type Started = Static<typeof Started>
export type Exited = Static<typeof Exited>
export type Refused = Static<typeof Refused>
export type Left = Static<typeof Left>
