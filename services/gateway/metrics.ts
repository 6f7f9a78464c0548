/** Metrics of the gateway in Prometheus' text form: Node's defaults and the HTTP requests. One registry an app. */
import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export const addMetrics = (app: FastifyInstance): void => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({
    name: 'millrace_http_requests_total',
    help: 'Answered HTTP requests.',
    labelNames,
    registers,
  })
  const seconds = new Histogram({
    name: 'millrace_http_request_seconds',
    help: 'Time to answer; streams and long polls count until their end.',
    labelNames: ['method', 'route'] as const,
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  })
  const open = new Gauge({ name: 'millrace_http_requests_open', help: 'Requests under way.', registers })
  app.addHook('onRequest', async (_, reply) => {
    open.inc()
    reply.raw.once('close', () => open.dec())
  })
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern, never its address: an attacker must not be able to make label values.
    const route = request.routeOptions.url ?? 'none'
    requests.inc({ method: request.method, route, status: String(reply.statusCode) })
    seconds.observe({ method: request.method, route }, reply.elapsedTime / 1000)
  })
  app.get('/metrics', { schema: { tags: ['operation'], summary: 'Prometheus metrics.' } }, async (_, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
}
