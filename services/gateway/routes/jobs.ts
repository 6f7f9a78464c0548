/** GET of jobs: a page, one, its events, and the long poll for its end. Every answer says which sequence it reflects. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type TSchema, Type } from '@sinclair/typebox'
import { ClientError, clientOver, isClientError } from '#client'
import {
  Done,
  durationMs,
  EventPage,
  EventsQuery,
  IdParameter,
  JobPage,
  JobView,
  ListQuery,
  SeqQuery,
  WaitQuery,
} from '#schemas'
import { type Context, findJob } from '../context.ts'
import { GatewayError } from '../problems.ts'
import { signalOfReply } from '../streaming.ts'

const tags = ['jobs']
const waitMsMax = 60_000
const waitDefault = '30s'

export const jobRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    const client = clientOver(context.transport)

    app.get(
      '/v1/jobs',
      {
        schema: { tags, summary: 'Jobs, newest first.', querystring: ListQuery, response: { 200: JobPage as TSchema } },
      },
      async (request, reply) => {
        const { state, label, seq, ...rest } = request.query
        const page = await client.list({
          ...rest,
          ...(state === undefined ? {} : { state: asList(state).flatMap((one) => one.split(',')) }),
          ...(label === undefined ? {} : { labels: Object.fromEntries(asList(label).map(keyValue)) }),
          ...(seq === undefined ? {} : { atLeastSequence: seq }),
          signal: signalOfReply(reply, context.closing),
        })
        return reply.send(page)
      },
    )

    app.get(
      '/v1/jobs/:id',
      {
        schema: { tags, summary: 'One job.', params: IdParameter, querystring: SeqQuery, response: { 200: JobView } },
      },
      async (request, reply) =>
        findJob(context, request.params.id, request.query.seq, signalOfReply(reply, context.closing)),
    )

    app.get(
      '/v1/jobs/:id/events',
      {
        schema: {
          tags,
          summary: 'What happened to a job, as CloudEvents in the order of the log.',
          params: IdParameter,
          querystring: Type.Omit(EventsQuery, ['job', 'host', 'fromTime']),
          response: { 200: EventPage },
        },
      },
      async (request, reply) => {
        const signal = signalOfReply(reply, context.closing)
        const { seq, ...rest } = request.query
        const view = await findJob(context, request.params.id, seq, signal)
        return context.transport.query('events', { ...rest, job: view.id, atLeastSequence: view.seq }, signal)
      },
    )

    app.get(
      '/v1/jobs/:id/wait',
      {
        schema: {
          tags,
          summary: 'Wait for the end of a job: 200 with it, or 204 when the time is over (ask again).',
          params: IdParameter,
          querystring: WaitQuery,
          response: { 200: Done, 204: Type.Null() },
        },
      },
      async (request, reply) => {
        const timeoutMs = durationMs(request.query.timeout ?? waitDefault)
        if (timeoutMs === null)
          throw new GatewayError('bad-request', 'The timeout is no duration.', 'Give one such as 30s.')
        const gone = signalOfReply(reply, context.closing)
        const view = await findJob(context, request.params.id, undefined, gone)
        try {
          return await client.job(view.id).wait({ timeout: Math.min(timeoutMs, waitMsMax), signal: gone })
        } catch (error) {
          if (context.closing.aborted) throw new ClientError('closed', 'The gateway is stopping.')
          if (isClientError(error, 'timed-out')) return reply.code(204).send(null)
          throw error
        }
      },
    )
  }

const asList = (value: string | string[]): string[] => (Array.isArray(value) ? value : [value])

const keyValue = (text: string): [string, string] => {
  const equals = text.indexOf('=')
  return [text.slice(0, equals), text.slice(equals + 1)]
}
