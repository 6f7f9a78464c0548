/**
 * The pipelined publisher: a plain publish whose reply subject is one token below ONE wildcard subscription, acks
 * matched by that token, a bounded window in flight, the rest in a queue. No timer, no request object per message.
 *
 * What is promised:
 * - an unanswered message is *unknown*, not failed: the same bytes and id go out again when it is overdue, when the
 *   connection is back, and when nobody was there to take it, until the server answers or the signal aborts.
 * - so `send` resolves when the message is stored, and rejects only with a definite refusal (nothing stored), on
 *   abort, or when the broker is closed (then the outcome is unknown).
 * - the server knows a message's id for its dedupe window (2 min). Who waits longer may store a second copy, which
 *   every reader drops by its id.
 * - messages in flight at the same time may be stored in any order.
 *
 * Must never use a timer a message, and never take silence for a failure.
 */
import { createInbox, headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'
import { timing } from '#schemas'
import { type Ack, BrokerError } from '../port.ts'
import { faultKind, faultText, type ServerFault } from './faults.ts'
import type { Link } from './link.ts'
import { idHeader } from './stored.ts'

export type Publication = {
  subject: string
  bytes: Uint8Array
  id?: string
  expectLastSubjectSequence?: number
  /** One more header, name and value. */
  header?: readonly [string, string]
  /** Newest value only: sent once; unanswered within this time it rejects with 'timeout'. */
  onceWithinMs?: number
}

export type PublisherOptions = {
  inboxPrefix: string
  /** Messages in flight at most. */
  windowMax?: number
  resendMs?: number
  /** Asked on "wrong last sequence": the ack of an earlier copy of this very message, or null when it is not stored. */
  findOwnCopy?: (message: Publication) => Promise<Ack | null>
}

export type Publisher = {
  send(message: Publication, signal?: AbortSignal): Promise<Ack>
  /** Waits up to `graceMs` for what is in flight, then rejects the rest with 'closed'. Idempotent. */
  close(graceMs: number): Promise<void>
}

type Entry = {
  readonly token: number
  readonly message: Publication
  readonly headers: MsgHdrs | undefined
  readonly resolve: (ack: Ack) => void
  readonly reject: (error: unknown) => void
  sends: number
  /** Monotonic time at which it is sent again. */
  dueMs: number
  detach: (() => void) | null
}

const windowDefault = 256
/** How often overdue messages are looked for: one coarse timer for all. */
const sweepMs = 100
const resendMsMax = 10_000
const absentRetryMs = 200
const absentRetryMsMax = 2_000
/** How often a message that collides with one "in process" is sent again before it is a conflict. */
const inProcessSendsMax = 20
const expectHeader = 'Nats-Expected-Last-Subject-Sequence'

export const newPublisher = (link: Link, options: PublisherOptions): Publisher => {
  const { nc } = link
  const windowMax = options.windowMax ?? windowDefault
  const resendMs = options.resendMs ?? timing.publishResendMs
  const inbox = createInbox(options.inboxPrefix)
  const inFlight = new Map<number, Entry>()
  const waiting = new Map<number, Entry>()
  let tokens = 0
  let closed = false
  let sweeper: NodeJS.Timeout | null = null
  let onEmpty: (() => void) | null = null

  const settle = (entry: Entry) => {
    inFlight.delete(entry.token)
    waiting.delete(entry.token)
    entry.detach?.()
    pump()
    if (inFlight.size === 0) {
      if (sweeper !== null) clearInterval(sweeper)
      sweeper = null
      if (waiting.size === 0) onEmpty?.()
    }
  }
  const resolve = (entry: Entry, ack: Ack) => {
    settle(entry)
    entry.resolve(ack)
  }
  const reject = (entry: Entry, error: unknown) => {
    settle(entry)
    entry.reject(error)
  }
  const rejectAll = (error: BrokerError) => {
    for (const entry of [...waiting.values(), ...inFlight.values()]) reject(entry, error)
  }

  const transmit = (entry: Entry) => {
    const { message } = entry
    entry.sends++
    const patienceMs = message.onceWithinMs ?? Math.min(resendMs * 2 ** Math.min(entry.sends - 1, 8), resendMsMax)
    entry.dueMs = performance.now() + patienceMs
    const reply = `${inbox}.${entry.token}`
    try {
      nc.publish(message.subject, message.bytes, entry.headers ? { reply, headers: entry.headers } : { reply })
    } catch (error) {
      // The library refuses before sending: over max_payload, a malformed subject, or closed.
      const code = nc.isClosed() ? 'closed' : /max_payload/.test(String(error)) ? 'too-large' : 'refused'
      reject(entry, new BrokerError(code, `${message.subject}: ${(error as Error).message}`, { cause: error }))
    }
  }
  const launch = (entry: Entry) => {
    inFlight.set(entry.token, entry)
    sweeper ??= setInterval(sweep, sweepMs)
    transmit(entry)
  }
  const hasRoom = () => inFlight.size < windowMax && link.status() === 'connected'
  const pump = () => {
    if (waiting.size === 0) return
    for (const entry of waiting.values()) {
      if (!hasRoom()) return
      waiting.delete(entry.token)
      launch(entry)
    }
  }
  const sweep = () => {
    if (link.status() !== 'connected') return
    const nowMs = performance.now()
    for (const entry of [...inFlight.values()]) {
      if (entry.dueMs > nowMs) continue
      if (entry.message.onceWithinMs === undefined) transmit(entry)
      else reject(entry, new BrokerError('timeout', `${entry.message.subject}: no acknowledgement`))
    }
  }

  const onRefused = async (entry: Entry, fault: ServerFault) => {
    const kind = faultKind(fault)
    const refusal = (code: string) => new BrokerError(code, `${entry.message.subject}: ${faultText(fault)}`)
    if (kind === 'retry') return retryLater(entry)
    if (kind !== 'wrong-last-sequence' && kind !== 'in-process') return reject(entry, refusal(kind))
    // Servers from 2.12 on check the expected sequence before the id: our own stored copy looks like a rival's.
    entry.dueMs = Number.POSITIVE_INFINITY
    let own: Ack | null
    try {
      own = (await options.findOwnCopy?.(entry.message)) ?? null
    } catch {
      return retryLater(entry)
    }
    if (!inFlight.has(entry.token)) return
    if (own !== null) resolve(entry, own)
    else if (kind === 'in-process' && entry.sends < inProcessSendsMax) retryLater(entry)
    else reject(entry, refusal('wrong-last-sequence'))
  }
  /** Nobody took it (no leader, no stream, no JetStream yet): again, soon, then less often. */
  const retryLater = (entry: Entry) => {
    if (!inFlight.has(entry.token)) return
    if (entry.message.onceWithinMs !== undefined)
      return reject(entry, new BrokerError('no-responder', `${entry.message.subject}: no stream takes it at present`))
    entry.dueMs = performance.now() + Math.min(absentRetryMs * 2 ** Math.min(entry.sends - 1, 8), absentRetryMsMax)
  }
  const onReply = (error: Error | null, reply: Msg) => {
    if (error !== null) return rejectAll(new BrokerError('denied', `Acknowledgements: ${error.message}`))
    const entry = inFlight.get(Number(reply.subject.slice(inbox.length + 1)))
    if (entry === undefined) return
    if (reply.data.length === 0) return retryLater(entry)
    let answer: { seq?: number; duplicate?: boolean; error?: ServerFault }
    try {
      answer = JSON.parse(reply.string())
    } catch {
      return // not an ack: it will be overdue
    }
    if (answer.error !== undefined) void onRefused(entry, answer.error)
    else if (typeof answer.seq === 'number')
      resolve(entry, { sequence: answer.seq, duplicate: answer.duplicate === true })
  }

  nc.subscribe(`${inbox}.*`, { callback: onReply })
  link.listen({
    onReconnected() {
      // What was unsent or unanswered at the break is unknown: the same again, in the same order.
      for (const entry of [...inFlight.values()]) if (entry.dueMs !== Number.POSITIVE_INFINITY) transmit(entry)
      pump()
    },
    onDenied(operation, subject) {
      if (operation !== 'publish') return
      const error = new BrokerError('denied', `${subject}: the server's permissions forbid publishing here.`)
      for (const entry of [...inFlight.values()]) if (entry.message.subject === subject) reject(entry, error)
    },
    onClosed: () => rejectAll(new BrokerError('closed', 'The connection is closed.')),
  })

  return {
    send(message, signal) {
      return new Promise<Ack>((resolve, reject_) => {
        if (signal?.aborted) return reject_(signal.reason)
        if (closed || link.status() === 'closed') return reject_(new BrokerError('closed', 'The connection is closed.'))
        if (message.onceWithinMs !== undefined && link.status() !== 'connected')
          return reject_(new BrokerError('unreachable', `${message.subject}: not connected at present`))
        let lines: MsgHdrs | undefined
        try {
          lines = headersOf(message)
        } catch (error) {
          return reject_(
            new BrokerError('refused', `${message.subject}: ${(error as Error).message}`, { cause: error }),
          )
        }
        const entry: Entry = {
          token: tokens++,
          message,
          headers: lines,
          resolve,
          reject: reject_,
          sends: 0,
          dueMs: 0,
          detach: null,
        }
        if (signal !== undefined) {
          const abort = () => reject(entry, signal.reason)
          signal.addEventListener('abort', abort, { once: true })
          entry.detach = () => signal.removeEventListener('abort', abort)
        }
        if (waiting.size === 0 && hasRoom()) launch(entry)
        else waiting.set(entry.token, entry)
      })
    },
    async close(graceMs) {
      closed = true
      if (inFlight.size + waiting.size > 0 && link.status() === 'connected') {
        let limit: NodeJS.Timeout | undefined
        await new Promise<void>((done) => {
          onEmpty = done
          limit = setTimeout(done, graceMs)
        })
        clearTimeout(limit)
      }
      rejectAll(new BrokerError('closed', 'The broker was closed before an acknowledgement came: outcome unknown.'))
    },
  }
}

const headersOf = ({ id, expectLastSubjectSequence, header }: Publication): MsgHdrs | undefined => {
  if (id === undefined && expectLastSubjectSequence === undefined && header === undefined) return undefined
  const lines = headers()
  if (id !== undefined) lines.append(idHeader, id)
  if (expectLastSubjectSequence !== undefined) lines.append(expectHeader, String(expectLastSubjectSequence))
  if (header !== undefined) lines.append(header[0], header[1])
  return lines
}
