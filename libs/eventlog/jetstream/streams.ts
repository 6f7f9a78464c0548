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

/** A log smaller than this is of no use: better an error now. */
const logBytesMin = 1024 * 1024
/** Codes of "can't reserve that much": server, memory, account, size of one stream. */
const insufficient = [10047, 10028, 10002, 10122]
/** "Name already in use with a different configuration": made meanwhile, or at a larger share. */
const nameInUse = 10058

type Wanted = {
  config: Partial<StreamConfig> & { name: string }
  asked: number | undefined
  standard: number
  /** Size that it has already; null when it does not exist. */
  kept: number | null
}

/**
 * Creates or updates all streams of a namespace. Idempotent; concurrent calls are safe.
 * The server does not say how much it can reserve, so all new streams are made at their full size, and if they don't
 * fit, all at half of it, and so on.
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
    const beats = beatStream(subjects, replicas)
    const wanted = await Promise.all(
      (
        [
          [logStream(subjects, replicas), options.logBytesMax, limits.logBytesMax],
          [filesStream(subjects, replicas), options.filesBytesMax, limits.filesStreamBytesMax],
          [outputStream(subjects, replicas), options.outputBytesMax, limits.outputStreamBytesMax],
          [beats, undefined, beats.max_bytes!],
        ] as const
      ).map(async ([config, asked, standard]) => {
        const existing = await existingStream(link, jsm, config.name)
        return { config, asked, standard, kept: existing?.config.max_bytes ?? null }
      }),
    )
    for (let share = 1; ; share /= 2) {
      const sizes = wanted.map((stream) => sizeAt(stream, share))
      try {
        for (const [index, { config, kept }] of wanted.entries())
          await put(link, jsm, { ...config, max_bytes: sizes[index]! }, kept !== null)
        const [logBytesMax, filesBytesMax, outputBytesMax] = sizes as [number, number, number, number]
        return { logBytesMax, filesBytesMax, outputBytesMax }
      } catch (error) {
        const tooBig = insufficient.includes(apiCodeOf(error))
        if (tooBig && sizeAt(wanted[0]!, share / 2) >= logBytesMin && share > 1e-6) continue
        throw tooBig ? toBrokerError(error, `Preparing the streams of ${subjects.namespace}`) : error
      }
    }
  } finally {
    await nc.close()
  }
}

/** What exists never shrinks, and grows only when asked to. */
const sizeAt = ({ asked, standard, kept }: Wanted, share: number): number =>
  kept === null ? Math.floor((asked ?? standard) * share) : Math.max(kept, Math.floor((asked ?? 0) * share))

const existingStream = async (link: Link, jsm: JetStreamManager, name: string) => {
  try {
    return await ask(link, `Reading ${name}`, () => jsm.streams.info(name))
  } catch (error) {
    if (error instanceof BrokerError && isStreamMissing(error.cause)) return null
    throw error
  }
}

const apiCodeOf = (error: unknown): number => {
  const cause = error instanceof BrokerError ? error.cause : error
  return cause instanceof JetStreamApiError ? cause.code : 0
}

/** Makes one stream or brings it up to date, and checks what the server took over. */
const put = async (link: Link, jsm: JetStreamManager, config: Wanted['config'], known: boolean): Promise<void> => {
  const what = `Preparing ${config.name}`
  try {
    // Copies: the library writes into what it is given.
    const info = await ask(link, what, () =>
      known ? jsm.streams.update(config.name, { ...config }) : jsm.streams.add({ ...config }),
    ).catch((error: unknown) => {
      if (apiCodeOf(error) !== nameInUse) throw error
      return ask(link, what, () => jsm.streams.update(config.name, { ...config }))
    })
    checkEcho(config, info.config)
  } catch (error) {
    if (insufficient.includes(apiCodeOf(error))) throw error
    throw refusal(error, config.name)
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
