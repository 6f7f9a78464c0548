/** One shared bearer token for /v1 (where one is configured); health, metrics and the OpenAPI document stay open. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { GatewayError } from './problems.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()

export const addAuthentication = (app: FastifyInstance, token: string): void => {
  const wanted = digest(`Bearer ${token}`)
  app.addHook('onRequest', async (request) => {
    if (!request.url.startsWith('/v1/')) return
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), wanted)) return
    throw new GatewayError('unauthorized', 'The token is missing or wrong.', 'Send it as "Authorization: Bearer …".')
  })
}
