/** One broker's view of the cell's LOG: the port's `EventLog`, with deliveries of its own. */
import {
  BrokerError,
  type EventLog,
  type Follow,
  type FollowOptions,
  type HostFollow,
  type HostFollowOptions,
  type LogMessage,
} from '../port.ts'
import type { MemoryLog } from './log.ts'
import { newReader, type Reader, type Schedule } from './reader.ts'

export type Connection = {
  readonly schedule: Schedule
  /** @throws BrokerError 'closed' */
  check(): void
  /** Has the reader stopped when the broker closes. */
  keep<F extends Follow>(follow: F): F
}

/** An asynchronous answer that fails when the broker is closed. */
export const answer = async <T>({ check }: Connection, act: () => T): Promise<T> => {
  check()
  return act()
}

export const newEventLog = (log: MemoryLog, connection: Connection): EventLog => ({
  async append(message, signal) {
    signal?.throwIfAborted()
    return answer(connection, () => log.append(message))
  },
  info: () => answer(connection, () => log.info()),
  get: (sequence) => answer(connection, () => log.get(sequence)),
  last: (subject) => answer(connection, () => log.last(subject)),
  ensureHostConsumer: (host, from) => answer(connection, () => log.ensureHost(host, Math.max(1, from))),
  follow: (options) => follow(log, connection, options),
  followHost: (options) => followHost(log, connection, options),
})

const follow = (log: MemoryLog, connection: Connection, options: FollowOptions): Follow => {
  connection.check()
  if (!Number.isInteger(options.from) || options.from < 1)
    throw new RangeError(`A follow begins at a sequence from 1, not ${options.from}.`)
  let next = options.from
  const target = log.info().last
  let caughtUp = false
  const reader = newReader<LogMessage>({
    schedule: connection.schedule,
    take(max) {
      const batch = log.slice(next, max)
      next += batch.length
      return batch
    },
    onBatch: (batch) => {
      options.onMessages(batch)
      afterwards()
    },
    onDrained: () => afterwards(),
    signal: options.signal,
    onEnd: () => unlisten(),
  })
  const afterwards = () => {
    if (caughtUp || next <= target) return
    caughtUp = true
    options.onCaughtUp?.()
  }
  const unlisten = log.listen(reader.wake)
  if (next > target + 1)
    reader.fail(new BrokerError('gap', `LOG ends at ${target}, but ${next} is wanted: it went back.`))
  return connection.keep(reader)
}

const followHost = (log: MemoryLog, connection: Connection, options: HostFollowOptions): HostFollow => {
  connection.check()
  let cursor = 0
  let handedOver = 0
  const reader: Reader = newReader<LogMessage>({
    schedule: connection.schedule,
    take(max) {
      const consumer = log.host(options.host)
      if (consumer === undefined) return []
      cursor = Math.max(cursor, consumer.acknowledged)
      let batch: readonly LogMessage[] = []
      do {
        const more = log.slice(cursor + 1, max)
        if (more.length === 0) return batch
        cursor += more.length
        batch = more.filter((message) => consumer.isOf(message.subject))
      } while (batch.length === 0)
      handedOver = batch.at(-1)!.sequence
      return batch
    },
    onBatch: (batch) => options.onMessages(batch),
    signal: options.signal,
    onEnd: () => unlisten(),
  })
  const unlisten = log.listen(reader.wake)
  return connection.keep({
    closed: reader.closed,
    stop: () => reader.stop(),
    acknowledge(sequence: number) {
      const consumer = log.host(options.host)
      if (consumer !== undefined)
        consumer.acknowledged = Math.max(consumer.acknowledged, Math.min(sequence, handedOver))
    },
  })
}
