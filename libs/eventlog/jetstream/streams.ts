/**
 * Makes and updates the streams, and proves that each setting stuck: old servers silently ignore settings that they
 * don't know, so what STREAM.INFO echoes decides. Must never shrink or remove a stream.
 */
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { limits, type Subjects, subjectsOf } from '#schemas'
import { BrokerError } from '../port.ts'
import { type ConnectionOptions, openConnection } from './connection.ts'
import { isStreamMissing, toBrokerError } from './faults.ts'
import { type Link, newLink } from './link.ts'
import { ask, pause } from './patience.ts'
import { beatStream, filesStream, filesStreamName, logStream, outputStream } from './stream-configs.ts'

export type PrepareOptions = ConnectionOptions & {
  /** Default 'mr'. */
  namespace?: string
  /** 1 (default): one server; 3: survives the loss of one of three. */
  replicas?: 1 | 3
  /**
   * Largest sizes; what the server can't reserve is halved until it can. Bytes. A stream that exists keeps its size unless
   * a larger one is named here.
   */
  logBytesMax?: number
  outputBytesMax?: number
  filesBytesMax?: number
}

/** Sizes that the streams got, bytes. */
export type PreparedStreams = { logBytesMax: number; outputBytesMax: number; filesBytesMax: number }

/** A stream smaller than this is of no use: better an error now. */
const streamBytesMin = 1024 * 1024
const insufficient = [10047, 10028, 10002, 10122]

/**
 * Creates or updates all streams of a namespace. Idempotent; concurrent calls are safe. LOG is made first, so it gets
 * the largest share of the server's store.
 * @throws BrokerError: unreachable, server-too-old, denied, no-space (not even small ones fit), bad-stream (a stream
 * of that name or subject exists and can't become what is needed, or a setting did not stick).
 */
export const prepareStreams = async (options: PrepareOptions): Promise<PreparedStreams> => {
  const subjects = subjectsOf(options.namespace)
  const replicas = options.replicas ?? 1
  const nc = await openConnection({ ...options, name: `${options.name ?? 'millrace'}-prepare` })
  try {
    const link = newLink(nc)
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    const budget = await ask(link, 'Reading the account', () => jsm.getAccountInfo())
    const most = budget.limits.max_storage > 0 ? budget.limits.max_storage : Number.POSITIVE_INFINITY
    const make = (config: Partial<StreamConfig> & { name: string }, asked: number | undefined, standard: number) =>
      prepare(link, jsm, config, asked, Math.min(asked ?? standard, most))
    const logBytesMax = await make(logStream(subjects, replicas), options.logBytesMax, limits.logBytesMax)
    const filesBytesMax = await make(filesStream(subjects, replicas), options.filesBytesMax, limits.filesStreamBytesMax)
    const outputBytesMax = await make(
      outputStream(subjects, replicas),
      options.outputBytesMax,
      limits.outputStreamBytesMax,
    )
    const beats = beatStream(subjects, replicas)
    await make(beats, undefined, beats.max_bytes!)
    return { logBytesMax, outputBytesMax, filesBytesMax }
  } finally {
    await nc.close()
  }
}

/** One stream; resolves with its max_bytes. */
const prepare = async (
  link: Link,
  jsm: JetStreamManager,
  config: Partial<StreamConfig> & { name: string },
  asked: number | undefined,
  wanted: number,
): Promise<number> => {
  const { name } = config
  const existing = await ask(link, `Reading ${name}`, () => jsm.streams.info(name)).catch((error: BrokerError) => {
    if (isStreamMissing(error.cause)) return null
    throw error
  })
  const kept = existing === null ? 0 : existing.config.max_bytes
  for (let size = existing === null ? wanted : Math.max(kept, asked ?? 0); ; ) {
    const full = { ...config, max_bytes: size }
    try {
      const info = await ask(link, `Preparing ${name}`, () =>
        // A copy: the library writes into what it is given.
        existing === null ? jsm.streams.add({ ...full }) : jsm.streams.update(name, { ...full }),
      )
      checkEcho(full, info.config)
      return size
    } catch (error) {
      const cause = error instanceof BrokerError ? error.cause : error
      const tooBig = cause instanceof JetStreamApiError && insufficient.includes(cause.code)
      if (!tooBig) throw refusal(error, name)
      const smaller = Math.max(kept, Math.floor(size / 2))
      if (smaller < streamBytesMin || smaller === size)
        throw new BrokerError('no-space', `${name}: the server can't reserve ${size} bytes for it.`, { cause })
      size = smaller
    }
  }
}

const refusal = (error: unknown, name: string): BrokerError => {
  const fault = toBrokerError(error, `Preparing ${name}`)
  return fault.code === 'refused' ? new BrokerError('bad-stream', fault.message, { cause: fault.cause }) : fault
}

/** @throws BrokerError 'bad-stream' naming each setting that the server did not take over. */
const checkEcho = (wanted: Partial<StreamConfig> & { name: string }, echoed: StreamConfig) => {
  const different = Object.entries(wanted).filter(([key, value]) => {
    const got = (echoed as unknown as Record<string, unknown>)[key]
    return JSON.stringify(got ?? false) !== JSON.stringify(value)
  })
  if (different.length === 0) return
  const list = different.map(([key, value]) => `${key} is not ${JSON.stringify(value)}`).join(', ')
  throw new BrokerError('bad-stream', `${wanted.name}: the server did not take over these settings: ${list}.`)
}

/**
 * Waits until the streams of a namespace exist; resolves with LOG's number of replicas. MR_BEAT isn't waited for: it is
 * in memory and made again by who puts a value.
 * @throws BrokerError 'no-stream' after `withinMs`; the signal's reason.
 */
export const waitForStreams = async (
  link: Link,
  jsm: JetStreamManager,
  subjects: Subjects,
  withinMs: number,
  signal?: AbortSignal,
): Promise<number> => {
  const giveUpMs = performance.now() + withinMs
  const { log, output } = subjects.streams
  for (let missing = ''; ; await pause(100, signal)) {
    signal?.throwIfAborted()
    const leftMs = giveUpMs - performance.now()
    if (leftMs <= 0)
      throw new BrokerError(
        'no-stream',
        `Stream ${missing || log} did not come to exist within ${withinMs} ms. Is a scheduler running for namespace "${subjects.namespace}"?`,
      )
    try {
      let replicas = 1
      for (const name of [output, filesStreamName(subjects), log]) {
        missing = name
        replicas = (await ask(link, `Reading ${name}`, () => jsm.streams.info(name), leftMs)).config.num_replicas
      }
      return replicas
    } catch (error) {
      if (!(error instanceof BrokerError) || !['no-stream', 'timeout'].includes(error.code)) throw error
    }
  }
}
