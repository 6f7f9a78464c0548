/**
 * Opens the NATS connection with settings fit for a service. The library's defaults are not: it gives up after ten
 * reconnects, and notices a dead peer only after four minutes.
 */
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { timing } from '#schemas'
import { BrokerError } from '../port.ts'
import { toBrokerError } from './faults.ts'
import { checkServerVersion } from './versions.ts'

export type ConnectionOptions = {
  /** `nats://host:port`, one or several of the same cluster. */
  servers: string | string[]
  /** Who connects, as shown by the server; also begins the inbox prefix `_INBOX_<name>`. */
  name?: string
  user?: string
  password?: string
  /** Keep trying until the server is there or the signal aborts, instead of failing with 'unreachable'. */
  waitForServer?: boolean
  signal?: AbortSignal
}

/** The whole first connect, all servers of the list together. */
const connectLimitMs = 4_500
const dialLimitMs = 4_000
const reconnectWaitMs = 200
const reconnectJitterMs = 100

/** A name as one safe subject token. */
export const tokenOf = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '-')
export const inboxPrefixOf = (name: string): string => `_INBOX_${tokenOf(name)}`

/**
 * Connects and checks the server's version.
 * @throws BrokerError: unreachable (within 5 s), denied (wrong credentials), server-too-old; the signal's reason.
 */
export const openConnection = async (options: ConnectionOptions): Promise<NatsConnection> => {
  options.signal?.throwIfAborted()
  const name = options.name ?? 'millrace'
  const connecting = connect({
    servers: options.servers,
    name,
    inboxPrefix: inboxPrefixOf(name),
    ...(options.user === undefined ? {} : { user: options.user, pass: options.password ?? '' }),
    timeout: dialLimitMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectJitterMs,
    pingInterval: timing.pingIntervalMs,
    maxPingOut: timing.pingsOutMax,
    waitOnFirstConnect: options.waitForServer ?? false,
    noAsyncTraces: true,
  })
  let nc: NatsConnection
  try {
    nc = await orGiveUp(connecting, options.waitForServer ? null : connectLimitMs, options.signal)
  } catch (error) {
    // A connection that comes up after all is not left open.
    void connecting.then((late) => late.close()).catch(() => {})
    options.signal?.throwIfAborted()
    const fault = toBrokerError(error, `Connecting to ${[options.servers].flat().join(', ')}`)
    throw fault.code === 'denied' ? fault : new BrokerError('unreachable', fault.message, { cause: error })
  }
  try {
    checkServerVersion(nc.info?.version ?? '')
  } catch (error) {
    await nc.close()
    throw error
  }
  return nc
}

const orGiveUp = async <T>(work: Promise<T>, limitMs: number | null, signal?: AbortSignal): Promise<T> => {
  let release = () => {}
  const givenUp = new Promise<never>((_, reject) => {
    const abort = () => reject(signal!.reason)
    signal?.addEventListener('abort', abort, { once: true })
    const limit =
      limitMs === null ? undefined : setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
    release = () => {
      clearTimeout(limit)
      signal?.removeEventListener('abort', abort)
    }
  })
  try {
    return await Promise.race([work, givenUp])
  } finally {
    release()
  }
}
