/** Every event: its schema, who may write it, and an example. Adding an event starts here (docs/guides/add-an-event.md). */
import type { TSchema } from '@sinclair/typebox'
import * as control from './control.ts'
import * as host from './host.ts'
import * as job from './job.ts'

export type { LeaderClaimed } from './control.ts'
export type {
  Assigned,
  Claimed,
  Exited,
  Joined,
  Left,
  Lost,
  Refused,
  Returned,
  Revoked,
  Started,
  StopOrdered,
  Suspect,
} from './host.ts'
export type { Cancelled, CancelRequested, Finished, Rejected, Retrying, RetryRequested, Submitted } from './job.ts'

export type ClientEvent = job.Submitted | job.CancelRequested | job.RetryRequested
export type DecisionEvent = job.Rejected | job.Retrying | job.Cancelled | job.Finished
export type OrderEvent = host.Assigned | host.Revoked | host.StopOrdered | host.Suspect | host.Lost | host.Returned
export type FactEvent = host.Joined | host.Claimed | host.Started | host.Exited | host.Refused | host.Left
export type ControlEvent = control.LeaderClaimed
export type Event = ClientEvent | DecisionEvent | OrderEvent | FactEvent | ControlEvent
export type EventType = Event['type']

/** Who writes an event, and so on which subject it may stand. */
export type Writer = 'client' | 'decision' | 'order' | 'fact' | 'control'
export type Aggregate = 'job' | 'host' | 'control'

export type EventDefinition = {
  schema: TSchema
  writer: Writer
  aggregate: Aggregate
  version: 1
  example: Record<string, unknown>
}

const define = (
  schema: TSchema,
  writer: Writer,
  aggregate: Aggregate,
  example: Record<string, unknown>,
): EventDefinition => ({
  schema,
  writer,
  aggregate,
  version: 1,
  example,
})

const attempt = { job: '01k9j3s4x8m6q2v0', attempt: 1 }
const reason = (code: string) => ({ code })

export const eventDefinitions: Record<EventType, EventDefinition> = {
  submitted: define(job.Submitted, 'client', 'job', {
    type: 'submitted',
    job: attempt.job,
    spec: { command: ['gp', '-q'], stdin: 'factor(2^128+1)', timeout: '5m' },
  }),
  'cancel-requested': define(job.CancelRequested, 'client', 'job', {
    type: 'cancel-requested',
    job: attempt.job,
    reason: 'no longer needed',
  }),
  'retry-requested': define(job.RetryRequested, 'client', 'job', { type: 'retry-requested', job: attempt.job }),
  rejected: define(job.Rejected, 'decision', 'job', {
    type: 'rejected',
    job: attempt.job,
    submission: 86016,
    reason: reason('schema'),
    faults: [{ pointer: '/command', message: 'Expected array' }],
  }),
  retrying: define(job.Retrying, 'decision', 'job', {
    type: 'retrying',
    ...attempt,
    dueAt: 1_795_000_001_000,
    reason: reason('retry-within-policy'),
  }),
  cancelled: define(job.Cancelled, 'decision', 'job', {
    type: 'cancelled',
    ...attempt,
    reason: { code: 'cancelled', text: 'no longer needed' },
  }),
  finished: define(job.Finished, 'decision', 'job', {
    type: 'finished',
    ...attempt,
    state: 'succeeded',
    reason: reason('exit-zero'),
  }),
  assigned: define(host.Assigned, 'order', 'host', {
    type: 'assigned',
    ...attempt,
    spec: { command: ['true'] },
    reason: reason('first-fit'),
  }),
  revoked: define(host.Revoked, 'order', 'host', { type: 'revoked', ...attempt, reason: reason('cancelled') }),
  'stop-ordered': define(host.StopOrdered, 'order', 'host', {
    type: 'stop-ordered',
    ...attempt,
    graceMs: 10_000,
    reason: reason('cancelled'),
  }),
  suspect: define(host.Suspect, 'order', 'host', { type: 'suspect', reason: reason('host-silent') }),
  lost: define(host.Lost, 'order', 'host', { type: 'lost', ...attempt, reason: reason('host-silent') }),
  returned: define(host.Returned, 'order', 'host', { type: 'returned', reason: reason('host-back') }),
  joined: define(host.Joined, 'fact', 'host', {
    type: 'joined',
    bootId: '5f0c1f5e-7c44-4e32-9a9c-2f3f1a0b7d11',
    incarnation: '01k9j3s4x8m6q2v1',
    capacity: { cpuMilli: 2000, memoryBytes: 8_589_934_592, custom: {} },
    labels: { zone: 'a' },
    tools: { python3: '3.11.2' },
    containment: 'cgroup-v2',
    version: '0.1.0',
    agentPid: 4711,
    supervisorPid: 4712,
    inventory: [],
  }),
  claimed: define(host.Claimed, 'fact', 'host', { type: 'claimed', ...attempt }),
  started: define(host.Started, 'fact', 'host', { type: 'started', ...attempt, pid: 4713, at: 1_795_000_000_000 }),
  exited: define(host.Exited, 'fact', 'host', {
    type: 'exited',
    ...attempt,
    cause: 'exit',
    exitCode: 0,
    signal: null,
    pid: 4713,
    startedAt: 1_795_000_000_000,
    at: 1_795_000_000_120,
    usage: { wallMs: 120, cpuMs: 95, memoryBytesMax: 10_485_760 },
    stdout: { bytes: 6, tail: 'aGVsbG8K' },
  }),
  refused: define(host.Refused, 'fact', 'host', { type: 'refused', ...attempt, reason: reason('host-queue-wait') }),
  left: define(host.Left, 'fact', 'host', { type: 'left', reason: { code: 'host-leaving', text: 'SIGTERM' } }),
  'leader-claimed': define(control.LeaderClaimed, 'control', 'control', {
    type: 'leader-claimed',
    leader: 'scheduler-a1',
  }),
}
