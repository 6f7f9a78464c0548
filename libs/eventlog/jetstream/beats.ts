/**
 * Heartbeats and leases over a memory stream that keeps the newest value of each subject. A stream in memory is gone
 * after the restart of a single server, so whoever puts a value makes it again. Must never send an old value late:
 * each is sent once, and an unanswered one is the caller's to replace by a newer.
 */
import type { ConsumerInfo, JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import type { Subjects } from '#schemas'
import { type Beats, BrokerError } from '../port.ts'
import { isPassing, isStreamMissing, toBrokerError } from './faults.ts'
import type { Link } from './link.ts'
import type { Publisher } from './publisher.ts'
import { beatStream } from './stream-configs.ts'
import { type Opened, subscribe } from './subscription.ts'

export type BeatsDependencies = {
  link: Link
  js: JetStreamClient
  jsm: JetStreamManager
  subjects: Subjects
  publisher: Publisher
  /** As many replicas as LOG has. */
  replicas: number
  stallMs?: number | undefined
}

/** A value that is not acknowledged within this time is stale: the next one is due. */
const putLimitMs = 1_000
const inactiveMs = 30_000

type Value = { subject: string; bytes: Uint8Array }

export const newBeats = (needs: BeatsDependencies): Beats => {
  const { link, js, jsm, subjects, publisher } = needs
  const stream = subjects.streams.beat
  const put = async (subject: string, bytes: Uint8Array) =>
    void (await publisher.send({ subject, bytes, onceWithinMs: putLimitMs }))
  return {
    async put(subject, bytes) {
      try {
        await put(subject, bytes)
      } catch (error) {
        if (!(error instanceof BrokerError) || error.code !== 'no-responder') throw error
        // Who may not make streams waits until another does.
        await jsm.streams.add(beatStream(subjects, needs.replicas)).catch(() => {})
        await put(subject, bytes)
      }
    },
    watch(filter, onValue) {
      let created = ''
      let next = 1
      const open = async (): Promise<Opened<Value> | null> => {
        let consumer: ConsumerInfo
        try {
          const info = await jsm.streams.info(stream)
          if (info.created !== created) next = 1
          created = info.created
          consumer = await jsm.consumers.add(stream, {
            filter_subject: filter,
            ack_policy: 'none',
            // Only the last value of each subject is kept, so "from the start" is: the last ones first.
            deliver_policy: 'by_start_sequence',
            opt_start_seq: next,
            inactive_threshold: nanos(inactiveMs),
            mem_storage: true,
            num_replicas: 1,
          })
        } catch (error) {
          if (isStreamMissing(error) || isPassing(error) || link.status() !== 'connected') return null
          throw toBrokerError(error, `Watching ${filter}`)
        }
        return {
          consumer,
          nextDelivery: 1,
          accept(message, delivery) {
            next = delivery.sequence + 1
            return { subject: message.subject, bytes: message.data }
          },
          dispose: () => void jsm.consumers.delete(stream, consumer.name).catch(() => {}),
        }
      }
      return subscribe<Value>({
        link,
        js,
        open,
        onBatch: (batch) => {
          for (const value of batch) onValue(value.subject, value.bytes)
        },
        stallMs: needs.stallMs,
      })
    },
  }
}
