/**
 * LOG over JetStream. A follow uses an ephemeral consumer without acks that starts at a sequence, and is built anew
 * behind the last message delivered. Reads of single messages go to the stream's leader (STREAM.MSG.GET), never to a
 * replica (direct get is not read-your-writes).
 *
 * A gap is an error, never skipped. So is a log that went back or was replaced (a broker restored from an older disk):
 * whenever a follow is built anew, the last message delivered must still be there, with the same time.
 */
import type { ConsumerInfo, JetStreamClient, JetStreamManager, MsgRequest, StreamInfo } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { limits, type Subjects } from '#schemas'
import { type Ack, BrokerError, type EventLog, type Follow, type FollowOptions, type LogMessage } from '../port.ts'
import { isPassing, isStreamMissing, toBrokerError } from './faults.ts'
import { ensureHostConsumer, followHost } from './host.ts'
import type { Link } from './link.ts'
import { ask } from './patience.ts'
import type { Publication, Publisher } from './publisher.ts'
import { delivered, idHeader, millisecondsOf, readBack } from './stored.ts'
import { type Opened, subscribe } from './subscription.ts'

export type LogDependencies = {
  link: Link
  js: JetStreamClient
  jsm: JetStreamManager
  subjects: Subjects
  publisher: Publisher
  /** Name for consumers, for people who look at the server. */
  clientName: string
  stallMs?: number | undefined
}

/** An abandoned consumer is removed by the server after this time. */
const inactiveMs = 30_000
/** LOG can't be found for this long: somebody removed it, or the server came back without its store. */
const missingMsMax = 30_000

export const newLog = (needs: LogDependencies): EventLog => {
  const { link, jsm, subjects, publisher } = needs
  const stream = subjects.streams.log
  const get = async (query: object, what: string): Promise<LogMessage | null> => {
    const message = await ask(link, what, () => jsm.streams.getMessage(stream, query as MsgRequest))
    return message === null ? null : readBack(message)
  }
  return {
    // Not async: one promise a message less.
    append(message, signal) {
      const { length } = message.bytes
      if (length <= limits.commitBytesMax) return publisher.send(message, signal)
      return Promise.reject(
        new BrokerError('too-large', `${message.subject}: ${length} bytes; the limit is ${limits.commitBytesMax}.`),
      )
    },
    async info() {
      const { state, created } = await ask(link, 'Reading LOG', () => jsm.streams.info(stream))
      return {
        first: state.messages === 0 ? state.last_seq + 1 : state.first_seq,
        last: state.last_seq,
        messages: state.messages,
        bytes: state.bytes,
        createdMs: millisecondsOf(created),
      }
    },
    get: (sequence) =>
      Number.isInteger(sequence) && sequence > 0
        ? get({ seq: sequence }, `Message ${sequence}`)
        : Promise.resolve(null),
    last: (subject) => get({ last_by_subj: subject }, `Last message on ${subject}`),
    follow: (options) => follow(needs, options),
    ensureHostConsumer: (host, from) => ensureHostConsumer(needs, host, from),
    followHost: (options) => followHost(needs, options),
  }
}

/**
 * For the publisher. A message with an expected sequence n was stored only if it is the first on its subject after n:
 * that one decides, however many came after it.
 */
export const findOwnCopy =
  (link: Link, jsm: JetStreamManager, stream: string) =>
  async ({ subject, id, expectLastSubjectSequence }: Publication): Promise<Ack | null> => {
    const query = { seq: (expectLastSubjectSequence ?? 0) + 1, next_by_subj: subject } as unknown as MsgRequest
    const next = await ask(link, `Reading ${subject}`, () => jsm.streams.getMessage(stream, query))
    return next !== null && id !== undefined && next.header.get(idHeader) === id
      ? { sequence: next.seq, duplicate: true }
      : null
  }

const follow = (needs: LogDependencies, options: FollowOptions): Follow => {
  const { link, js, jsm, clientName } = needs
  const stream = needs.subjects.streams.log
  let next = options.from
  let lastDelivered: LogMessage | null = null
  let created: string | null = null
  let caughtUp = options.onCaughtUp === undefined
  let jumpedAt = 0
  let missingSinceMs: number | null = null

  /** The log must be the one that was followed so far, and hold what is wanted next. */
  const check = async ({ state, created: now }: StreamInfo) => {
    created ??= now
    const first = state.messages === 0 ? state.last_seq + 1 : state.first_seq
    const gap = (text: string) => new BrokerError('gap', `${stream}: ${text}`)
    if (now !== created) throw gap(`another log, made ${now}, stands in the place of the one made ${created}.`)
    if (next > state.last_seq + 1) throw gap(`it ends at ${state.last_seq}, but ${next} is wanted: it went back.`)
    if (next < first) throw gap(`it begins at ${first}, but ${next} is wanted.`)
    if (lastDelivered === null) return
    const again = await jsm.streams.getMessage(stream, { seq: lastDelivered.sequence })
    if (
      again === null ||
      readBack(again).timeMs !== lastDelivered.timeMs ||
      again.header.get(idHeader) !== lastDelivered.id
    )
      throw gap(`message ${lastDelivered.sequence} is no longer the one delivered: the log went back.`)
  }

  const open = async (): Promise<Opened<LogMessage> | null> => {
    let consumer: ConsumerInfo
    try {
      await check(await jsm.streams.info(stream))
      consumer = await jsm.consumers.add(stream, {
        name: `${clientName}-${Math.random().toString(36).slice(2, 12)}`,
        ack_policy: 'none',
        deliver_policy: 'by_start_sequence',
        opt_start_seq: next,
        inactive_threshold: nanos(inactiveMs),
        mem_storage: true,
        num_replicas: 1,
      })
      missingSinceMs = null
    } catch (error) {
      if (isStreamMissing(error)) {
        missingSinceMs ??= performance.now()
        if (performance.now() - missingSinceMs < missingMsMax) return null
      }
      if (isPassing(error) || link.status() !== 'connected') return null
      throw toBrokerError(error, `Following ${stream}`)
    }
    const target = next + consumer.num_pending - 1
    return {
      consumer,
      nextDelivery: 1,
      accept(message, delivery) {
        if (delivery.sequence !== next) {
          // Perhaps lost on the way: a fresh consumer tells. The same jump twice is a hole in the log.
          if (jumpedAt === next) throw new BrokerError('gap', `${stream}: after ${next - 1} came ${delivery.sequence}.`)
          jumpedAt = next
          return 'reopen'
        }
        next++
        lastDelivered = delivered(message, delivery)
        return lastDelivered
      },
      after() {
        if (caughtUp || next <= target) return
        caughtUp = true
        options.onCaughtUp?.()
      },
      dispose: () => void jsm.consumers.delete(stream, consumer.name).catch(() => {}),
    }
  }
  if (!Number.isInteger(next) || next < 1) throw new RangeError(`A follow begins at a sequence from 1, not ${next}.`)
  return subscribe({ link, js, open, onBatch: options.onMessages, stallMs: needs.stallMs, signal: options.signal })
}
