/**
 * A host's durable consumer: made by the scheduler, read by that host's agent, which needs no more than CONSUMER.INFO,
 * MSG.NEXT and ack rights.
 *
 * What is promised: each message once in the life of a follow, in order (host-order.ts says how), from behind the last
 * acknowledged one. Must never acknowledge what was not handed over.
 */
import type { ConsumerInfo, JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import type { Subjects } from '#schemas'
import type { HostFollow, HostFollowOptions, LogMessage } from '../port.ts'
import { isConsumerMissing, isPassing, isStreamMissing, toBrokerError } from './faults.ts'
import { HostOrder } from './host-order.ts'
import type { Link } from './link.ts'
import { ask } from './patience.ts'
import { ackSubjectOf, delivered } from './stored.ts'
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
  const order = new HostOrder(ackPendingMax)
  /** Subjects that acknowledge what was delivered and is not acknowledged, by sequence. */
  const ackSubjects = new Map<number, string>()
  let acknowledged = 0
  const ack = (subject: string) => {
    if (link.status() === 'connected' && !link.nc.isClosed()) link.nc.publish(subject, '+ACK')
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
    const { ack_floor: floor, delivered: last } = consumer
    const ready = order.open({
      created: consumer.created,
      ackFloor: floor.stream_seq,
      delivered: last.stream_seq,
      pending: consumer.num_ack_pending,
    })
    return {
      consumer,
      nextDelivery: last.consumer_seq + 1,
      first: ready.length === 0 ? null : ready,
      accept(message, delivery) {
        const ackSubject = ackSubjectOf(message)
        // An acknowledgement that was lost is repeated.
        if (delivery.sequence <= acknowledged) ack(ackSubject)
        else ackSubjects.set(delivery.sequence, ackSubject)
        const messages = order.arrive(delivered(message, delivery))
        return messages.length === 0 ? null : messages
      },
      // Nothing came for a while and yet something is missing: the server's state moved on, so read it again.
      after: (idle) => (idle && order.holding ? 'reopen' : undefined),
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
      const upTo = Math.min(sequence, order.handedOver)
      let newest = 0
      for (const at of ackSubjects.keys()) if (at <= upTo && at > newest) newest = at
      if (newest === 0) return
      ack(ackSubjects.get(newest)!)
      acknowledged = newest
      for (const at of ackSubjects.keys()) if (at <= newest) ackSubjects.delete(at)
    },
  }
}
