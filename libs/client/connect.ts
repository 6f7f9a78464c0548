/** The door of the SDK: connects over NATS or HTTP and gives the one Client. */
import type { Broker } from '#eventlog'
import { type Client, type ClientOptions, clientOver } from './client.ts'
import { ClientError } from './errors.ts'
import type { GatewayOptions } from './http/request.ts'
import { HttpTransport } from './http/transport.ts'
import type { NatsTransport, NatsTransportOptions } from './nats/transport.ts'

export type ConnectOptions = ClientOptions &
  (
    | ({ servers?: never } & GatewayOptions)
    | {
        url?: never
        /** Of nats-server: `nats://127.0.0.1:4222`, or several. */
        servers: string | readonly string[]
        /** Prefix of the cell's subjects (default `mr`). */
        namespace?: string
        /** Stands in the log as the writer `client/<name>` (default `sdk`). */
        name?: string
        signal?: AbortSignal
      }
  )

/** Connects. Throws ClientError `no-server` when nobody answers (over HTTP: at the first call). */
export const connect = async (options: ConnectOptions): Promise<Client> => {
  if (options.url !== undefined) return clientOver(new HttpTransport(options), options)
  // Loaded when asked for: over HTTP nothing of NATS is needed, and loading it takes longer than a call.
  const [{ BrokerError, connectBroker }, { NatsTransport }] = await Promise.all([
    import('#eventlog'),
    import('./nats/transport.ts'),
  ])
  const { servers, namespace, name = 'sdk', signal } = options
  try {
    const broker = await connectBroker({
      servers: typeof servers === 'string' ? servers : [...servers],
      name: `millrace-${name}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(signal ? { signal } : {}),
    })
    return clientOver(new NatsTransport(broker, { name, ...(namespace === undefined ? {} : { namespace }) }), options)
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    throw new ClientError('no-server', `No nats-server can be reached: ${error.message}`, {
      cause: error,
      hint: 'Start one with `millrace up`, or check the address.',
    })
  }
}

/** A transport over a broker connection that the caller holds. */
export const natsTransport = async (broker: Broker, options: NatsTransportOptions): Promise<NatsTransport> => {
  const { NatsTransport: Transport } = await import('./nats/transport.ts')
  return new Transport(broker, options)
}
