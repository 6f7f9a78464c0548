/** What every route is given: the client to the cell, and the gateway's own bounds. */
import type { FastifyRequest } from 'fastify'
import { ClientError, type Transport, withSignals } from '#client'
import { isJobId, type JobView } from '#schemas'
import { GatewayError } from './problems.ts'

export type Context = {
  transport: Transport
  /** False while the broker can't be reached. */
  connected: () => boolean
  /** A write that is not acknowledged by then is given up: its outcome is unknown (503). */
  writeLimitMs: number
  /** Aborted when the gateway stops: streams and long polls end. */
  closing: AbortSignal
}

const textHeader = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name]
  if (value === undefined) return undefined
  try {
    const text = decodeURIComponent(Array.isArray(value) ? value[0]! : value)
    if (text.length <= 256) return text
  } catch {}
  throw new GatewayError(
    'bad-request',
    `The header ${name} is malformed or too long.`,
    'Percent-encode it; 256 characters at most.',
  )
}

export type Write = { actor?: string; idempotencyKey?: string; signal: AbortSignal }

/** Does a write: who asks, under which key, and for how long it is tried. */
export const writing = <T>(
  context: Context,
  request: FastifyRequest,
  write: (options: Write) => Promise<T>,
): Promise<T> => {
  const actor = textHeader(request, 'millrace-actor')
  const idempotencyKey = textHeader(request, 'idempotency-key')
  const asked = {
    ...(actor === undefined ? {} : { actor }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  }
  // Not ended when the client goes away: what it asked for is done or not, whether it listens or not.
  return withSignals([context.closing], (signal) => write({ ...asked, signal }), context.writeLimitMs)
}

/** The job of an id or a prefix of one. Throws `not-found`, `ambiguous-id`. */
export const findJob = async (
  context: Context,
  id: string,
  seq: number | undefined,
  signal: AbortSignal,
): Promise<JobView> => {
  if (!isJobId(id)) throw new ClientError('not-found', `${JSON.stringify(id)} can’t be the id of a job.`)
  return context.transport.query('job', { id, ...(seq === undefined ? {} : { atLeastSequence: seq }) }, signal)
}
