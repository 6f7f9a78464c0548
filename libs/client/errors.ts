/**
 * Every error of the SDK: one class with a stable code, and one for a job that did not succeed. Codes are what
 * programs branch on; messages are for people. The HTTP status of a code is the gateway's affair, not ours.
 */
import type { DoneNotice, Fault } from '#schemas'

/** Code → what to do about it, for people. */
export const clientErrorHints = {
  refused: 'Mend what the faults name and submit again.',
  'bad-request': 'See the documentation of the call.',
  'not-found': 'List what there is with `millrace ps --all`.',
  'ambiguous-id': 'Give more characters of the id.',
  'id-taken': 'Use another id or idempotency key, or submit the very same spec.',
  'wrong-state': 'Look at the job with `millrace show`.',
  'no-server': 'Start one with `millrace up`, or name it with --server or MILLRACE_URL.',
  'broker-unreachable':
    'Check nats-server; what was sent may or may not have been stored: submit again with the same id or key.',
  'archive-unreachable': 'Check that the archive runs; nothing is lost meanwhile.',
  'not-yet': 'The archive is behind; ask again in a moment.',
  'timed-out': 'Wait longer, or look at the job with `millrace show`.',
  unauthorized: 'Give the token with --token or MILLRACE_TOKEN.',
  denied: 'These credentials may not do that.',
  'no-space': 'The log is full: make room, or raise its limit.',
  closed: 'The client was closed.',
  internal: 'This is a fault of Millrace; its log says more.',
} as const

export type ClientErrorCode = keyof typeof clientErrorHints

export class ClientError extends Error {
  /** One of clientErrorHints, or a newer gateway's. */
  readonly code: string
  readonly hint: string
  /** What is wrong with a document, with JSON pointers; only with code `refused` and `bad-request`. */
  readonly faults: readonly Fault[]
  constructor(
    code: ClientErrorCode | (string & {}),
    message: string,
    options: ErrorOptions & { faults?: readonly Fault[]; hint?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ClientError'
    this.code = code
    this.hint = options.hint ?? (clientErrorHints as Record<string, string>)[code] ?? ''
    this.faults = options.faults ?? []
  }
}

/** A job ended, but did not succeed. */
export class JobFailedError extends Error {
  readonly code = 'job-failed'
  readonly id: string
  readonly state: 'failed' | 'cancelled' | 'rejected'
  readonly done: DoneNotice
  /** exit, signal, timeout, cancelled, lost, spawn; null when no attempt ever ran. */
  override readonly cause: string | null
  readonly exitCode: number | null
  readonly signal: string | null
  /** The last bytes of standard error, as text; '' when there are none (or the archive could not be asked). */
  readonly stderrTail: string
  readonly faults: readonly Fault[]
  constructor(message: string, done: DoneNotice, details: { stderrTail: string; faults: readonly Fault[] }) {
    super(message)
    this.name = 'JobFailedError'
    this.id = done.id
    this.state = done.state as 'failed' | 'cancelled' | 'rejected'
    this.done = done
    this.cause = done.cause
    this.exitCode = done.exitCode
    this.signal = done.signal
    this.stderrTail = details.stderrTail
    this.faults = details.faults
  }
}

export const isClientError = (error: unknown, code?: string): error is ClientError =>
  error instanceof ClientError && (code === undefined || error.code === code)

/** Throws what the signal was aborted with, as a ClientError. */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw abortReason(signal)
}

export const abortReason = (signal: AbortSignal): Error => {
  const { reason } = signal
  if (reason instanceof ClientError) return reason
  if (reason instanceof Error && reason.name === 'TimeoutError')
    return new ClientError('timed-out', 'The time given is over.')
  return reason instanceof Error ? reason : new ClientError('timed-out', 'The call was given up.')
}
