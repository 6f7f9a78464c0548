/**
 * The HTTP face of a cell, as an app that tests can inject requests into. It holds no state of its own: what it
 * says comes from the archive, what it is told goes into the log.
 */
import swagger from '@fastify/swagger'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { natsTransport, newSharedController, type Transport, type Waits } from '#client'
import type { Broker } from '#eventlog'
import { newId } from '#runtime'
import { limits, Problem, problemMediaType } from '#schemas'
import { addAuthentication } from './authentication.ts'
import type { Context } from './context.ts'
import { addMetrics } from './metrics.ts'
import { GatewayError, sendProblem } from './problems.ts'
import { coerceQuery } from './query-values.ts'
import { eventRoutes } from './routes/events.ts'
import { jobRoutes } from './routes/jobs.ts'
import { logRoutes } from './routes/logs.ts'
import { operationRoutes } from './routes/operation.ts'
import { submitRoutes } from './routes/submit.ts'

export type GatewayOptions = {
  namespace?: string
  /** Bearer token wanted for /v1; none: open (listen on localhost only). */
  token?: string
  /** Default 10 s. */
  writeLimitMs?: number
  logger?: FastifyBaseLogger
  /** For tests: shorter waits of the client below. */
  waits?: Partial<Waits>
}

/** The app over a broker; the broker stays the caller's. Closing the app ends every stream. */
export const buildGateway = async (broker: Broker, options: GatewayOptions = {}): Promise<FastifyInstance> => {
  const transport = await natsTransport(broker, {
    name: 'gateway',
    ownsBroker: false,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.waits ? { waits: options.waits } : {}),
  })
  return buildApp(transport, () => broker.status() === 'connected', options)
}

export const buildApp = async (
  transport: Transport,
  connected: () => boolean,
  options: GatewayOptions,
): Promise<FastifyInstance> => {
  const closing = newSharedController()
  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : {}),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.httpBodyBytesMax,
    genReqId: () => newId(),
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 128 },
    // Strict on what comes in; what goes out is written as it is, so that newer fields pass through.
    ajv: { customOptions: { removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  // JSON is the only form: what is not is refused with 415.
  app.removeContentTypeParser('text/plain')
  app.addHook('preValidation', coerceQuery)
  app.setErrorHandler(sendProblem)
  app.setNotFoundHandler((request) => {
    throw new GatewayError(
      'no-route',
      `There is no ${request.method} ${request.url.split('?')[0]}.`,
      'See /openapi.json.',
    )
  })
  app.addHook('preClose', async () => closing.abort(new GatewayError('closed', 'The gateway is stopping.')))
  app.addHook('onClose', async () => transport.close())
  await app.register(swagger, { openapi: openApiHead, stripBasePath: false })
  if (options.token !== undefined) addAuthentication(app, options.token)
  addMetrics(app)
  const context: Context = {
    transport,
    connected,
    writeLimitMs: options.writeLimitMs ?? 10_000,
    closing: closing.signal,
  }
  app.addHook('onRoute', (route) => {
    const response = (route.schema?.response ?? {}) as Record<string, unknown>
    if (route.schema) route.schema.response = { ...response, default: problemResponse }
  })
  for (const routes of [submitRoutes, jobRoutes, logRoutes, eventRoutes, operationRoutes]) {
    await app.register(routes(context))
  }
  app.get('/openapi.json', { schema: { tags: ['operation'], summary: 'This document.' } }, async (_, reply) =>
    reply.type('application/json').send(JSON.stringify(app.swagger())),
  )
  return app as unknown as FastifyInstance
}

const problemResponse = {
  description: 'What went wrong, with a stable code.',
  content: { [problemMediaType]: { schema: Problem } },
}

const openApiHead = {
  openapi: '3.1.0',
  info: {
    title: 'Millrace',
    version: '0.1.0',
    description:
      'Submit commands, follow them, read what happened. Errors are RFC 9457 problem documents with a stable `code`. ' +
      'A write answers only after its event is in the log; what is read may lag behind: give the `seq` of a write to ' +
      'read at least that state.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  tags: [
    { name: 'jobs', description: 'Commands and what became of them.' },
    { name: 'events', description: 'The log as CloudEvents.' },
    { name: 'hosts', description: 'Where jobs run.' },
    { name: 'operation', description: 'Health, metrics, this document.' },
  ],
}
