/**
 * Events of a job: what clients ask for (`mr.job.<id>.<event>`, `mr.batch.<id>.submitted`) and what the
 * scheduler's leader decides (`mr.scheduler.decisions`). An attempt's own events are in host.ts.
 */
import { type Static, Type } from '@sinclair/typebox'
import { JobSpec } from '../jobspec.ts'
import { limits } from '../limits.ts'
import { AttemptNumber } from '../names.ts'
import { ofJob, Reason } from './parts.ts'

export const Submitted = Type.Object(
  { type: Type.Literal('submitted'), ...ofJob, spec: JobSpec },
  { description: 'A client wants a job run.' },
)

export const CancelRequested = Type.Object(
  {
    type: Type.Literal('cancel-requested'),
    ...ofJob,
    reason: Type.Optional(Type.String({ maxLength: limits.reasonTextBytesMax })),
    force: Type.Optional(Type.Boolean({ description: 'Kill without grace.' })),
  },
  { description: 'A client wants the job ended, whatever its state.' },
)

export const RetryRequested = Type.Object(
  { type: Type.Literal('retry-requested'), ...ofJob },
  { description: 'A client wants a job that waits for its back-off to be tried at once.' },
)

export const Rejected = Type.Object(
  {
    type: Type.Literal('rejected'),
    ...ofJob,
    submission: Type.Integer({
      minimum: 0,
      description: 'Position of the submission that is refused; another one of the same id stands.',
    }),
    reason: Reason,
    faults: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }), {
        maxItems: limits.faultsPerRejectionMax,
      }),
    ),
  },
  { description: 'A submission is refused and never runs.' },
)

export const Retrying = Type.Object(
  {
    type: Type.Literal('retrying'),
    ...ofJob,
    attempt: AttemptNumber,
    dueAt: Type.Integer({ description: 'Broker time in ms from which the next attempt may be placed.' }),
    reason: Reason,
  },
  { description: 'An attempt failed or was lost; another one follows.' },
)

export const Cancelled = Type.Object(
  { type: Type.Literal('cancelled'), ...ofJob, attempt: Type.Optional(AttemptNumber), reason: Reason },
  { description: 'Terminal: the job was cancelled and no process of it lives (as far as its host is known).' },
)

export const Finished = Type.Object(
  {
    type: Type.Literal('finished'),
    ...ofJob,
    attempt: AttemptNumber,
    state: Type.Union([Type.Literal('succeeded'), Type.Literal('failed')]),
    reason: Reason,
  },
  { description: 'Terminal: the result of the named attempt is the result of the job.' },
)

export type Submitted = Static<typeof Submitted>
export type CancelRequested = Static<typeof CancelRequested>
export type RetryRequested = Static<typeof RetryRequested>
export type Rejected = Static<typeof Rejected>
export type Retrying = Static<typeof Retrying>
export type Cancelled = Static<typeof Cancelled>
export type Finished = Static<typeof Finished>
