/**
 * Output of jobs over a bounded file stream: one message a chunk, the chunk's data in one header, so that the bytes
 * stay as they are. The same (attempt, stream, offset) is one message id. The oldest output goes when it is full.
 */
import type { ConsumerInfo, JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { limits, type Subjects } from '#schemas'
import { BrokerError, type OutputChunk, type OutputStream } from '../port.ts'
import { isPassing, isStreamMissing, toBrokerError } from './faults.ts'
import type { Link } from './link.ts'
import type { Publisher } from './publisher.ts'
import { type Opened, subscribe } from './subscription.ts'

export type OutputDependencies = {
  link: Link
  js: JetStreamClient
  jsm: JetStreamManager
  subjects: Subjects
  publisher: Publisher
  stallMs?: number | undefined
}

/** `<offset>,<time>,<1 when it is the last>` */
const chunkHeader = 'Mr-Chunk'
const inactiveMs = 30_000

export const newOutput = (needs: OutputDependencies): OutputStream => {
  const { link, js, jsm, subjects, publisher } = needs
  const stream = subjects.streams.output
  return {
    async append({ job, attempt, stream, offset, timeMs, last, bytes }) {
      if (bytes.length > limits.outputChunkBytesMax)
        throw new BrokerError(
          'too-large',
          `A chunk of ${bytes.length} bytes; the limit is ${limits.outputChunkBytesMax}.`,
        )
      await publisher.send({
        subject: subjects.output(job, attempt, stream),
        bytes,
        id: `${job}.${attempt}/${stream}/${offset}`,
        header: [chunkHeader, `${offset},${timeMs},${last ? 1 : 0}`],
      })
    },
    follow(job, onChunk, onCaughtUp) {
      let next = 1
      let caughtUp = onCaughtUp === undefined
      const open = async (): Promise<Opened<OutputChunk> | null> => {
        let consumer: ConsumerInfo
        try {
          consumer = await jsm.consumers.add(stream, {
            filter_subject: subjects.outputOfJob(job),
            ack_policy: 'none',
            deliver_policy: 'by_start_sequence',
            opt_start_seq: next,
            inactive_threshold: nanos(inactiveMs),
            mem_storage: true,
            num_replicas: 1,
          })
        } catch (error) {
          if (isStreamMissing(error) || isPassing(error) || link.status() !== 'connected') return null
          throw toBrokerError(error, `Following the output of ${job}`)
        }
        let received = 0
        return {
          consumer,
          nextDelivery: 1,
          accept(message, delivery) {
            next = delivery.sequence + 1
            received++
            return chunkOf(message)
          },
          after(idle) {
            // Old output may go while it is read: then fewer come than were pending, and the server falls idle.
            if (caughtUp || (!idle && received < consumer.num_pending)) return
            caughtUp = true
            onCaughtUp?.()
          },
          dispose: () => void jsm.consumers.delete(stream, consumer.name).catch(() => {}),
        }
      }
      return subscribe<OutputChunk>({
        link,
        js,
        open,
        onBatch: (batch) => {
          for (const chunk of batch) onChunk(chunk)
        },
        stallMs: needs.stallMs,
      })
    },
  }
}

/** Null for what is no chunk of ours. */
const chunkOf = (message: JsMsg): OutputChunk | null => {
  const [, , job, attempt, stream] = message.subject.split('.')
  const [, offset, timeMs, last] = /^(\d+),(\d+),([01])$/.exec(message.headers?.get(chunkHeader) ?? '') ?? []
  if (job === undefined || last === undefined || (stream !== 'out' && stream !== 'err')) return null
  return {
    job,
    attempt: Number(attempt),
    stream,
    offset: Number(offset),
    timeMs: Number(timeMs),
    bytes: message.data,
    last: last === '1',
  }
}
