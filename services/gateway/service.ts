/** The gateway as a service: connects to the broker, listens, and stops without cutting an answer short. */
import type { FastifyInstance } from 'fastify'
import { type Broker, connectBroker } from '#eventlog'
import { type Logger, type Service, UserError } from '#runtime'
import { buildGateway } from './app.ts'

export type GatewayServiceOptions = {
  servers: string | string[]
  namespace: string
  listen: string
  port: number
  token?: string
}

export const gatewayService = (options: GatewayServiceOptions, log: Logger): Service => {
  let broker: Broker | null = null
  let app: FastifyInstance | null = null
  let url = ''
  const stopping = new AbortController()
  return {
    name: 'gateway',
    async start() {
      if (options.token === undefined && !isLoopback(options.listen))
        log.warn({ listen: options.listen }, 'anybody who reaches this address can run commands: set a token')
      broker = await connectBroker({
        servers: options.servers,
        name: 'gateway',
        namespace: options.namespace,
        signal: stopping.signal,
      })
      app = await buildGateway(broker, {
        namespace: options.namespace,
        logger: log,
        ...(options.token === undefined ? {} : { token: options.token }),
      })
      try {
        url = await app.listen({ host: options.listen, port: options.port })
      } catch (error) {
        throw listenError(error, options)
      }
    },
    async stop() {
      stopping.abort()
      await app?.close()
      await broker?.close()
    },
    readiness: () => ({ url }),
  }
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.')

const listenError = (error: unknown, { listen, port }: GatewayServiceOptions): unknown => {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return new UserError(
      'port-taken',
      `The port ${port} on ${listen} is taken`,
      'Choose another one with --port (0: any free one), or stop what listens there.',
      4,
      { cause: error },
    )
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
    return new UserError(
      'address-refused',
      `The address ${listen}:${port} can’t be used (${code})`,
      'Choose another --listen or --port.',
      4,
      { cause: error },
    )
  return error
}
