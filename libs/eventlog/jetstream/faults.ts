/**
 * What the server's refusals mean for a caller. The table of JetStream's error codes stands here and nowhere else
 * (source: nats-server, server/errors.json). Must never talk to the server.
 */
import { JetStreamApiError } from '@nats-io/jetstream'
import { errors } from '@nats-io/transport-node'
import { BrokerError } from '../port.ts'

/** The `error` object in an answer of JetStream. */
export type ServerFault = { code: number; err_code?: number; description?: string }

export type FaultKind = 'wrong-last-sequence' | 'in-process' | 'too-large' | 'no-space' | 'retry' | 'refused'

const kinds = new Map<number, FaultKind>([
  [10071, 'wrong-last-sequence'],
  // A checked message of the same subject is being stored (clusters): perhaps our own earlier copy.
  [10164, 'in-process'],
  [10158, 'retry'], // the same id is in process
  [10054, 'too-large'],
  [10097, 'too-large'], // header
  [10002, 'no-space'], // account limit
  [10023, 'no-space'], // server limit
  [10028, 'no-space'], // memory
  [10047, 'no-space'], // storage
  [10077, 'no-space'], // storing failed: "maximum bytes exceeded", or the disk said so
])

/** What to do about a refused publish. Faults that the server calls temporary (429, 503) are sent again. */
export const faultKind = (fault: ServerFault): FaultKind =>
  kinds.get(fault.err_code ?? 0) ?? (fault.code === 503 || fault.code === 429 ? 'retry' : 'refused')

/** Names the answer in words. */
export const faultText = (fault: ServerFault): string =>
  `${fault.description ?? 'refused'} (${fault.err_code ?? fault.code})`

/** The server gave no answer, or said that it can't answer now: asking again may help. */
export const isPassing = (error: unknown): boolean =>
  error instanceof errors.TimeoutError ||
  error instanceof errors.NoRespondersError ||
  // The library throws this for "no responders"; it does not export the class.
  (error instanceof Error && error.name === 'JetStreamNotEnabled') ||
  (error instanceof errors.RequestError && !isDenied(error)) ||
  (error instanceof JetStreamApiError && error.status === 503)

export const isStreamMissing = (error: unknown): boolean => isApiError(error, 10059)
export const isConsumerMissing = (error: unknown): boolean => isApiError(error, 10014)

const isApiError = (error: unknown, code: number): boolean => error instanceof JetStreamApiError && error.code === code

const isDenied = (error: unknown): boolean =>
  error instanceof errors.PermissionViolationError ||
  (error instanceof Error && error.cause instanceof errors.PermissionViolationError)

/** Any error of the NATS library as a BrokerError. `what` says what was being done. */
export const toBrokerError = (error: unknown, what: string): BrokerError => {
  if (error instanceof BrokerError) return error
  const text = `${what}: ${error instanceof Error ? error.message : String(error)}`
  const because = (code: string) => new BrokerError(code, text, { cause: error })
  if (isDenied(error) || error instanceof errors.AuthorizationError) return because('denied')
  if (isStreamMissing(error)) return because('no-stream')
  if (error instanceof errors.ClosedConnectionError || error instanceof errors.DrainingConnectionError)
    return because('closed')
  if (error instanceof JetStreamApiError) {
    const kind = faultKind({ code: error.status, err_code: error.code })
    return because(kind === 'no-space' || kind === 'too-large' ? kind : 'refused')
  }
  return because(isPassing(error) ? 'timeout' : 'refused')
}
