/**
 * Messages beside LOG (heartbeats, leases, notices, queries) for the AsyncAPI document. Their TypeScript types
 * in queries.ts are held against these: a field that is added there and not here does not compile.
 */

import { JobPage } from '../http/index.ts'
import { Done } from '../http/jobs.ts'
import { type BeatBody, HostView, JobView, type LeaseBody, type QueryName, type StartedNotice } from '../queries.ts'
import { type JsonObject, plain, type Refer } from './json-schema.ts'

const count = (description: string): JsonObject => ({ type: 'integer', minimum: 0, description })
const text = (description: string): JsonObject => ({ type: 'string', description })
const object = (properties: JsonObject): JsonObject => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})

type Described<T> = { schema: JsonObject; example: T }
const describe = <T extends object>(properties: { [name in keyof T]: JsonObject }, example: T): Described<T> => ({
  schema: object(properties),
  example,
})

export const beat = describe<BeatBody>(
  {
    host: text('Id of the host.'),
    incarnation: text("Id of this life of the agent's process."),
    bootId: text("The kernel's boot id."),
    at: count("Host's clock, ms since 1970: display only."),
    running: count('Attempts that run.'),
    waiting: count("Attempts in the host's run queue."),
    spool: count('Facts in the spool that were not yet seen in LOG.'),
  },
  {
    host: 'host-1',
    incarnation: '01k9j3s4x8m6q2v1',
    bootId: '5f0c1f5e-7c44-4e32-9a9c-2f3f1a0b7d11',
    at: 1_795_000_000_000,
    running: 2,
    waiting: 0,
    spool: 0,
  },
)

export const lease = describe<LeaseBody>(
  {
    leader: text("Id of the scheduler's process."),
    epoch: count('LOG sequence of its leader-claimed.'),
    renewal: count('Counts up: a standby only looks whether it changed.'),
  },
  { leader: 'scheduler-a1', epoch: 17, renewal: 42 },
)

export const startedNotice = describe<StartedNotice>(
  {
    id: text('Id of the job.'),
    attempt: count('Number of the attempt.'),
    host: text('Where.'),
    pid: count('Process id.'),
  },
  { id: '01k9j3s4x8m6q2v0', attempt: 1, host: 'host-1', pid: 4713 },
)

export const doneNotice = {
  schema: plain(Done),
  example: {
    id: '01k9j3s4x8m6q2v0',
    state: 'succeeded',
    reason: { code: 'exit-zero' },
    exitCode: 0,
    signal: null,
    cause: 'exit',
    attempt: 1,
    stdoutBytes: 6,
    stderrBytes: 0,
    seq: 23,
  },
}

/** Answers of the archive by query; named parts become references. */
export const answerSchemas = (refer: Refer): Record<QueryName, JsonObject> => ({
  job: plain(JobView, refer),
  jobs: plain(JobPage, refer),
  hosts: object({
    hosts: { type: 'array', items: plain(HostView, refer) },
    seq: count('LOG sequence that this reflects.'),
  }),
  events: object({
    events: { type: 'array', items: { type: 'object', description: 'A CloudEvent 1.0.' } },
    next: count('Position to go on from.'),
    seq: count('LOG sequence that this reflects.'),
  }),
  status: object({
    seq: count('LOG sequence that this reflects.'),
    jobs: count('Jobs known.'),
    events: count('Events stored.'),
    logCreatedMs: count("Broker time of the stream's creation, ms: another one means another log."),
    counts: { type: 'object', additionalProperties: { type: 'integer' }, description: 'Jobs by state.' },
  }),
})

export const answerError: JsonObject = object({
  error: object({ code: text('not-found, ambiguous-id, bad-request, not-yet'), message: text('A sentence.') }),
})
