/**
 * GET /v1/events: a page of JSON, or (Accept: text/event-stream) Server-Sent Events that go on for ever. The id of a
 * sent event is its position; a reader that comes back with Last-Event-ID goes on behind it without a gap.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { type CloudEvent, EventPage, EventsQuery } from '#schemas'
import { type Context, findJob } from '../context.ts'
import { GatewayError, problemOf } from '../problems.ts'
import { signalOfReply, stream } from '../streaming.ts'

const eventForm = {
  contentType: 'text/event-stream',
  encode: (event: CloudEvent) => `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
  keepAlive: ':\n\n',
  encodeError: (error: unknown) => `event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`,
}

export const eventRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/v1/events',
      {
        schema: {
          tags: ['events'],
          summary: 'Every event in the order of the log: a page, or a stream with Accept: text/event-stream.',
          querystring: EventsQuery,
          headers: Type.Object({
            'last-event-id': Type.Optional(
              Type.String({ pattern: '^[0-9]{1,16}$', description: 'Position of the last event that was received.' }),
            ),
          }),
          produces: ['application/json', 'text/event-stream'],
          response: { 200: EventPage },
        },
      },
      async (request, reply) => {
        const signal = signalOfReply(reply, context.closing)
        const { job, fromTime, seq, limit, from, host } = request.query
        const fromTimeMs = fromTime === undefined ? undefined : Date.parse(fromTime)
        if (Number.isNaN(fromTimeMs))
          throw new GatewayError('bad-request', 'fromTime is no time.', 'Give one such as 2026-11-20T10:00:00Z.')
        const filter = {
          ...(host === undefined ? {} : { host }),
          ...(job === undefined ? {} : { job: (await findJob(context, job, seq, signal)).id }),
        }
        if (request.headers.accept?.includes('text/event-stream')) {
          const last = request.headers['last-event-id']
          const start =
            last === undefined ? (from ?? (fromTimeMs === undefined ? 0 : new Date(fromTimeMs))) : Number(last) + 1
          const events = context.transport.events({ ...filter, from: start, follow: true, signal })
          return stream(reply, events, eventForm, signal)
        }
        const page = await context.transport.query(
          'events',
          {
            ...filter,
            ...(from === undefined ? {} : { from }),
            ...(fromTimeMs === undefined ? {} : { fromTimeMs }),
            ...(limit === undefined ? {} : { limit }),
            ...(seq === undefined ? {} : { atLeastSequence: seq }),
          },
          signal,
        )
        return reply.send(page)
      },
    )
  }
