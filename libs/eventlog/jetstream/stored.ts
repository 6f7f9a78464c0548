/**
 * From the forms in which the server hands out stored messages to `LogMessage`. One exact time for a message,
 * whichever way it is read, since folds depend on it. Must never lose precision on the way (nanoseconds exceed 2^53).
 */
import type { JsMsg, StoredMsg } from '@nats-io/jetstream'
import type { LogMessage } from '../port.ts'

/** What the reply subject of a delivered message says. */
export type Delivery = {
  /** Number of deliveries of this message, 1 for the first. */
  count: number
  /** Sequence in the stream. */
  sequence: number
  /** Number of this delivery in the consumer's life: contiguous, so a missing one was lost on the way. */
  number: number
  timeMs: number
}

/**
 * Takes the reply subject apart: `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<count>.<sequence>.<number>.<ns>.<pending>[.<random>]`.
 * Source: ADR-15.
 */
export const deliveryOf = (reply: string): Delivery => {
  const tokens = reply.split('.')
  const at = tokens.length === 9 ? 4 : 6
  return {
    count: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    number: Number(tokens[at + 2]),
    timeMs: Number(tokens[at + 3]!.slice(0, -6)),
  }
}

/** RFC 3339 with up to nine decimals to whole milliseconds, cut off (never rounded), as `deliveryOf` does. */
export const millisecondsOf = (timestamp: string): number => {
  const [, seconds, decimals = '', zone] = /^([^.Z+]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp) ?? []
  return Date.parse(`${seconds}${zone}`) + Number(decimals.slice(0, 3).padEnd(3, '0'))
}

/** The subject that acknowledges a delivered message: its reply subject, which the library's type leaves out. */
export const ackSubjectOf = (message: JsMsg): string => (message as unknown as { reply: string }).reply

export const idHeader = 'Nats-Msg-Id'

export const delivered = (message: JsMsg, delivery: Delivery): LogMessage => ({
  subject: message.subject,
  sequence: delivery.sequence,
  timeMs: delivery.timeMs,
  id: message.headers?.get(idHeader) ?? '',
  bytes: message.data,
})

export const readBack = (message: StoredMsg): LogMessage => ({
  subject: message.subject,
  sequence: message.seq,
  timeMs: millisecondsOf(message.timestamp),
  id: message.header.get(idHeader),
  bytes: message.data,
})
