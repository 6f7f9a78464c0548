/** Hosts, the archive's status, liveness and readiness. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { withSignals } from '#client'
import { HostList, SeqQuery } from '#schemas'
import type { Context } from '../context.ts'
import { GatewayError, problemOf } from '../problems.ts'
import { signalOfReply } from '../streaming.ts'

const readyLimitMs = 2_000

export const operationRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/v1/hosts',
      { schema: { tags: ['hosts'], summary: 'Hosts.', querystring: SeqQuery, response: { 200: HostList } } },
      async (request, reply) => {
        const { seq } = request.query
        const atLeast = seq === undefined ? {} : { atLeastSequence: seq }
        return context.transport.query('hosts', atLeast, signalOfReply(reply, context.closing))
      },
    )

    app.get(
      '/v1/status',
      { schema: { tags: ['operation'], summary: 'What the archive holds.', response: { 200: Type.Unknown() } } },
      async (_, reply) => context.transport.query('status', {}, signalOfReply(reply, context.closing)),
    )

    app.get(
      '/healthz',
      { schema: { tags: ['operation'], summary: 'The process lives.', response: { 200: Type.Unknown() } } },
      async () => ({ status: 'ok' }),
    )

    app.get(
      '/readyz',
      { schema: { tags: ['operation'], summary: 'Broker and archive answer.', response: { 200: Type.Unknown() } } },
      async (_, reply) => {
        const checks = { broker: context.connected() ? 'ok' : 'broker-unreachable', archive: 'ok' }
        const error = context.connected()
          ? await withSignals(
              [signalOfReply(reply, context.closing)],
              (signal) => context.transport.query('status', {}, signal),
              readyLimitMs,
            ).then(
              () => null,
              (cause) => cause,
            )
          : new GatewayError('broker-unreachable', 'The broker can’t be reached.', 'Check nats-server.')
        if (error === null) return { status: 'ready', checks }
        const { code } = problemOf(error)
        throw new GatewayError(
          code === 'broker-unreachable' ? code : 'archive-unreachable',
          code === 'broker-unreachable' ? 'The broker can’t be reached.' : 'The archive does not answer.',
          'Wait for it, or look at its log.',
        )
      },
    )
  }
