/**
 * A host's durable consumer: made by the scheduler, read by that host's agent, which needs no more than CONSUMER.INFO,
 * MSG.NEXT and ack rights.
 *
 * The server gives no order between new messages and unacknowledged ones that it delivers again: those come only after
 * `ack_wait`, so a restarted agent would see newer orders first, and acknowledging those (ack policy `all`) would
 * acknowledge what it never saw. So whenever this is opened, or a delivery number is missing, and messages are
 * outstanding that this process has not handed over, newer ones are held back until all of those came again; then all
 * go on in order. The state (held back, at most max_ack_pending) is this:
 *
 *   open ──nothing missing──▶ passing ──delivery lost, reconnected──▶ open
 *     └──some are missing──▶ holding ──all came again──▶ passing
 *
 * What is promised: each message once in the life of a follow, in order, from behind the last acknowledged one.
 */
import type { ConsumerInfo, JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import type { Subjects } from '#schemas'
import { BrokerError, type HostFollow, type HostFollowOptions, type LogMessage } from '../port.ts'
import { isConsumerMissing, isPassing, isStreamMissing, toBrokerError } from './faults.ts'
import type { Link } from './link.ts'
import { ask } from './patience.ts'
import { ackSubjectOf, type Delivery, delivered } from './stored.ts'
import { type Opened, subscribe } from './subscription.ts'

type HostDependencies = {
  link: Link
  js: JetStreamClient
  jsm: JetStreamManager
  subjects: Subjects
  stallMs?: number | undefined
}

/** More than an agent ever leaves unacknowledged; the server holds new ones back beyond it. */
const ackPendingMax = 20_000
/** How long a restarted agent waits for what its predecessor received and did not acknowledge. */
const ackWaitMs = 2_000

/** Makes the durable consumer, from this sequence on. Idempotent: one that exists stays as it is. */
export const ensureHostConsumer = async (needs: HostDependencies, host: string, from: number): Promise<void> => {
  const { link, jsm, subjects } = needs
  const stream = subjects.streams.log
  const name = subjects.agentConsumer(host)
  await ask(link, `Making the consumer of host ${host}`, async () => {
    try {
      await jsm.consumers.info(stream, name)
      return
    } catch (error) {
      if (!isConsumerMissing(error)) throw error
    }
    await jsm.consumers.add(stream, {
      durable_name: name,
      filter_subjects: subjects.ofHost(host),
      ack_policy: 'all',
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: ackPendingMax,
      max_deliver: -1,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: Math.max(1, from),
    })
  })
}

export const followHost = (needs: HostDependencies, options: HostFollowOptions): HostFollow => {
  const { link, js, jsm, subjects } = needs
  const stream = subjects.streams.log
  const name = subjects.agentConsumer(options.host)
  const ack = (subject: string) => {
    if (link.status() === 'connected' && !link.nc.isClosed()) link.nc.publish(subject, '+ACK')
  }
  /** Handed over and not acknowledged: sequence to the subject that acknowledges it, in order. */
  const outstanding = new Map<number, string>()
  let handedOver = { sequence: 0, timeMs: 0 }
  let acknowledged = 0
  /** Arrived and held back, by sequence. */
  const held = new Map<number, { message: LogMessage; ackSubject: string }>()

  const take = (message: LogMessage, ackSubject: string): LogMessage => {
    handedOver = message
    outstanding.set(message.sequence, ackSubject)
    return message
  }
  /** Delivered again though handed over before: the newest ack subject counts, and an ack that was lost is repeated. */
  const repeat = ({ sequence, timeMs }: Delivery, ackSubject: string) => {
    if (timeMs > handedOver.timeMs)
      throw new BrokerError('gap', `${stream}: ${sequence} came after ${handedOver.sequence}: the log went back.`)
    if (sequence <= acknowledged) ack(ackSubject)
    else if (outstanding.has(sequence)) outstanding.set(sequence, ackSubject)
  }

  const open = async (): Promise<Opened<readonly LogMessage[]> | null> => {
    let consumer: ConsumerInfo
    try {
      consumer = await jsm.consumers.info(stream, name)
    } catch (error) {
      if (isConsumerMissing(error) || isStreamMissing(error) || isPassing(error)) return null
      if (link.status() !== 'connected') return null
      throw toBrokerError(error, `Following host ${options.host}`)
    }
    held.clear()
    const { ack_floor: floor, delivered: last } = consumer
    /** Outstanding at the server, below what is new: must come again before anything newer. */
    const isOld = (sequence: number) => sequence > floor.stream_seq && sequence <= last.stream_seq
    const count = (sequences: Iterable<number>) => [...sequences].filter(isOld).length
    const missing = consumer.num_ack_pending - count(outstanding.keys())
    let holding = missing > 0
    return {
      consumer,
      nextDelivery: last.consumer_seq + 1,
      accept(message, delivery) {
        const ackSubject = ackSubjectOf(message)
        if (delivery.sequence <= handedOver.sequence) {
          repeat(delivery, ackSubject)
          return null
        }
        if (!holding) return [take(delivered(message, delivery), ackSubject)]
        held.set(delivery.sequence, { message: delivered(message, delivery), ackSubject })
        if (count(held.keys()) < missing) return null
        holding = false
        const ready = [...held].sort(([a], [b]) => a - b).map(([, h]) => take(h.message, h.ackSubject))
        held.clear()
        return ready
      },
      // Nothing came for a while and yet something is missing: the server's state moved on, so read it again.
      after: (idle) => (idle && holding ? 'reopen' : undefined),
    }
  }
  const follow = subscribe<readonly LogMessage[]>({
    link,
    js,
    open,
    onBatch: (batch) => options.onMessages(batch.flat()),
    stallMs: needs.stallMs,
    signal: options.signal,
  })
  return {
    ...follow,
    acknowledge(sequence) {
      let newest: string | undefined
      for (const [at, ackSubject] of outstanding) {
        if (at > sequence) break
        newest = ackSubject
        acknowledged = at
        outstanding.delete(at)
      }
      if (newest !== undefined) ack(newest)
    },
  }
}
