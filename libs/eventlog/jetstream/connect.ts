/**
 * `connectBroker`: one connection, and the port's parts upon it. The only way into this folder besides
 * `prepareStreams`. Must never create LOG: that is the scheduler's (prepareStreams).
 */

import { setImmediate as turn } from 'node:timers/promises'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { subjectsOf } from '#schemas'
import type { Broker, Follow } from '../port.ts'
import { newBeats } from './beats.ts'
import { type ConnectionOptions, inboxPrefixOf, openConnection, tokenOf } from './connection.ts'
import { newFiles } from './files.ts'
import { newLink } from './link.ts'
import { findOwnCopy, newLog } from './log.ts'
import { newNotices } from './notices.ts'
import { newOutput } from './output.ts'
import { newPublisher } from './publisher.ts'
import { waitForStreams } from './streams.ts'

export type ConnectOptions = ConnectionOptions & {
  name: string
  /** Default 'mr'. */
  namespace?: string
  /** How long the streams may take to come to exist (the scheduler makes them). Default 30 s. */
  streamsWithinMs?: number
  /** Messages of LOG in flight at most. Default 256. */
  windowMax?: number
  /** Silence after which a consumer is built anew. Default timing.consumerStallMs. */
  stallMs?: number
  /** Time without an ack after which a message is sent again. Default timing.publishResendMs. */
  resendMs?: number
}

const streamsWithinMsDefault = 30_000
const closeGraceMs = 1_000

/**
 * Connects a service to the broker. The connection repairs itself without limit until `close`.
 * @throws BrokerError: unreachable (within 5 s, unless `waitForServer`), denied, server-too-old, no-stream; the signal's reason.
 */
export const connectBroker = async (options: ConnectOptions): Promise<Broker> => {
  const subjects = subjectsOf(options.namespace)
  const nc = await openConnection(options)
  const link = newLink(nc)
  const js = jetstream(nc)
  const jsm = await jetstreamManager(nc, { checkAPI: false })
  let replicas: number
  try {
    replicas = await waitForStreams(
      link,
      jsm,
      subjects,
      options.streamsWithinMs ?? streamsWithinMsDefault,
      options.signal,
    )
  } catch (error) {
    await nc.close()
    throw error
  }
  const inboxPrefix = inboxPrefixOf(options.name)
  const { resendMs, stallMs } = options
  // One each, so that a log that is full or away does not hold up heartbeats, nor output the log.
  const publisher = (windowMax?: number) =>
    newPublisher(link, {
      inboxPrefix,
      findOwnCopy: findOwnCopy(link, jsm, subjects.streams.log),
      ...(windowMax === undefined ? {} : { windowMax }),
      ...(resendMs === undefined ? {} : { resendMs }),
    })
  const publishers = [publisher(options.windowMax), publisher(), publisher()] as const
  const shared = { link, js, jsm, subjects, stallMs }
  const log = newLog({ ...shared, publisher: publishers[0], clientName: tokenOf(options.name) })
  const beats = newBeats({ ...shared, publisher: publishers[1], replicas })
  const output = newOutput({ ...shared, publisher: publishers[2] })

  const open = new Set<Follow>()
  const kept = <F extends Follow>(follow: F): F => {
    open.add(follow)
    const gone = () => open.delete(follow)
    follow.closed.then(gone, gone)
    return follow
  }
  let closing: Promise<void> | null = null
  const close = async () => {
    await Promise.all(publishers.map((p) => p.close(closeGraceMs)))
    await Promise.all([...open].map((follow) => follow.stop()))
    // The subscriptions' goodbyes (deleting their consumers) get out before the connection goes.
    await turn()
    if (link.status() === 'connected') await Promise.race([nc.flush().catch(() => {}), timeUp()])
    await nc.close()
  }
  return {
    log: {
      ...log,
      follow: (wanted) => kept(log.follow(wanted)),
      followHost: (wanted) => kept(log.followHost(wanted)),
    },
    beats: { ...beats, watch: (filter, onValue) => kept(beats.watch(filter, onValue)) },
    output: { ...output, follow: (job, onChunk, onCaughtUp) => kept(output.follow(job, onChunk, onCaughtUp)) },
    files: newFiles(link, js, subjects),
    notices: newNotices(link),
    get serverVersion() {
      return link.serverVersion()
    },
    status: () => link.status(),
    onStatus: (listener) => link.onStatus(listener),
    close() {
      closing ??= close()
      return closing
    },
  }
}

const timeUp = () =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, closeGraceMs).unref()
  })
