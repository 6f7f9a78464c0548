/**
 * Answers requests on `mr.query.<name>`: checks what was asked, waits for a sequence if that was asked for, and turns
 * whatever goes wrong into an error answer. Must never throw, and must never answer more than fits in a message.
 */
import type { TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import type { Logger } from '#runtime'
import { type QueryAnswers, type QueryName, type QueryRequest, queryRequests } from '#schemas'
import type { CommitSignal } from '../commit-signal.ts'
import { answerEvents } from './events.ts'
import { QueryFailure } from './failure.ts'
import { answerHosts } from './hosts.ts'
import { answerJob } from './job.ts'
import { answerJobs } from './jobs.ts'
import type { Sources } from './sources.ts'

const waitMsMax = 5_000
/** A question is small; anything larger is none of ours. */
const requestBytesMax = 64 * 1024

type Answerer<N extends QueryName> = (sources: Sources, request: QueryRequest<N>) => string | Promise<string>

const answerers: { readonly [N in QueryName]: Answerer<N> } = {
  job: answerJob,
  jobs: answerJobs,
  hosts: answerHosts,
  events: answerEvents,
  status: ({ store }) => {
    const { sequence, events, logCreatedMs } = store.checkpoint
    const counts = store.counts()
    const jobs = Object.values(counts).reduce((sum, count) => sum + count, 0)
    return JSON.stringify({ seq: sequence, jobs, events, logCreatedMs, counts } satisfies QueryAnswers['status'])
  },
}

const checks = Object.fromEntries(
  Object.entries(queryRequests).map(([name, schema]) => [name, TypeCompiler.Compile(schema)]),
) as unknown as Readonly<Record<QueryName, TypeCheck<TSchema>>>

export type Answer = (subject: string, bytes: Uint8Array) => Promise<Uint8Array>

export const newAnswer =
  (sources: Sources, signal: CommitSignal, logger: Logger): Answer =>
  async (subject, bytes) => {
    try {
      const name = subject.slice(subject.lastIndexOf('.') + 1)
      if (!isQuery(name)) {
        const known = Object.keys(queryRequests).join(', ')
        throw new QueryFailure('bad-request', `There is no query "${name.slice(0, 64)}"; there are ${known}.`)
      }
      const request = parse(name, bytes)
      await waitFor(signal, request)
      return Buffer.from(await (answerers[name] as Answerer<QueryName>)(sources, request as never))
    } catch (error) {
      if (!(error instanceof QueryFailure)) logger.error({ err: error, subject }, 'a query failed')
      const code = error instanceof QueryFailure ? error.code : 'internal'
      return Buffer.from(JSON.stringify({ error: { code, message: (error as Error).message } }))
    }
  }

const isQuery = (name: string): name is QueryName => Object.hasOwn(queryRequests, name)

/** An empty body asks with nothing in particular. */
const parse = <N extends QueryName>(name: N, bytes: Uint8Array): QueryRequest<N> => {
  if (bytes.length > requestBytesMax)
    throw new QueryFailure('bad-request', `The request has ${bytes.length} bytes; the limit is ${requestBytesMax}.`)
  let value: unknown = {}
  try {
    if (bytes.length > 0) value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new QueryFailure('bad-request', `The request is not JSON in UTF-8: ${(error as Error).message}`)
  }
  const check = checks[name]
  if (!check.Check(value)) {
    const fault = check.Errors(value).First()
    throw new QueryFailure('bad-request', `The request does not fit: ${fault?.path || '/'}: ${fault?.message}.`)
  }
  return value as QueryRequest<N>
}

const waitFor = async (signal: CommitSignal, request: { atLeastSequence?: number }): Promise<void> => {
  const { atLeastSequence } = request
  if (atLeastSequence === undefined || (await signal.reached(atLeastSequence, waitMsMax))) return
  throw new QueryFailure(
    'not-yet',
    `The archive has not reached message ${atLeastSequence} within ${waitMsMax / 1000} s.`,
  )
}
