/** Turns what the broker's port says into the SDK's catalogue. */
import { BrokerError } from '#eventlog'
import { abortReason, ClientError } from '../errors.ts'

const codes: Record<string, string> = {
  'too-large': 'refused',
  'no-space': 'no-space',
  denied: 'denied',
  closed: 'closed',
  'server-too-old': 'broker-unreachable',
  'no-stream': 'broker-unreachable',
}

/** Rethrows nothing: gives the error to throw. `signal` tells whether it was the caller who gave up. */
export const fromBroker = (error: unknown, signal?: AbortSignal): Error => {
  if (error instanceof ClientError) return error
  if (signal?.aborted) {
    const reason = abortReason(signal)
    return reason instanceof ClientError && reason.code !== 'timed-out'
      ? reason
      : new ClientError('broker-unreachable', 'The broker has not acknowledged in time.', { cause: error })
  }
  if (error instanceof BrokerError)
    return new ClientError(codes[error.code] ?? 'broker-unreachable', error.message, { cause: error })
  return error instanceof Error ? error : new ClientError('internal', String(error))
}

/** Resolves or rejects with the promise, or rejects as soon as the signal aborts. Leaves no listener behind. */
export const orAborted = <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (!signal) return promise
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(fromBroker(undefined, signal))
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(fromBroker(undefined, signal))
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
