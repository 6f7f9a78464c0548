/**
 * The way to the cell over HTTP. Reads that stream go on where they were when a connection breaks; a write whose
 * answer was lost is repeated only when it has an id or key of its own, so that nothing is ever submitted twice.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type BatchReceipt,
  type CancelBody,
  type CloudEvent,
  type DoneNotice,
  limits,
  type OutputLine,
  type Problem,
  type QueryAnswers,
  type QueryName,
  type QueryRequest,
  type Receipt,
} from '#schemas'
import { linkSignals, newSharedController, withSignals } from '../abort.ts'
import { type CheckedDocument, jobIdOfKey } from '../document.ts'
import { abortReason, ClientError, isClientError, throwIfAborted } from '../errors.ts'
import type {
  EventsOptions,
  OutputCursor,
  OutputOptions,
  OutputPiece,
  SubmitOptions,
  Transport,
  WriteOptions,
} from '../transport.ts'
import { errorOfProblem, Gateway, type GatewayOptions } from './request.ts'
import { linesOf, serverSentEvents } from './streaming.ts'

/** One request of a batch: half of what the gateway takes. */
const batchBytesMax = limits.httpBodyBytesMax / 2
const waitText = '30s'
/** How long a stream or a wait may stay without a gateway before it is given up: a restart fits in it. */
const patienceMs = 15_000
const pauseMs = 250

export class HttpTransport implements Transport {
  readonly waitsAtOnceMax = 64
  readonly #gateway: Gateway
  readonly #closing = newSharedController()

  constructor(options: GatewayOptions) {
    this.#gateway = new Gateway(options)
  }

  async submit({ id, spec }: CheckedDocument, options: SubmitOptions): Promise<Receipt> {
    const body = id === null ? spec : { ...spec, id }
    return this.#under(options.signal, (signal) => {
      const send = () =>
        this.#gateway.json<Receipt>('/v1/jobs', { method: 'POST', body, headers: writeHeaders(options), signal })
      return id === null && options.idempotencyKey === undefined ? send() : this.#patiently(signal, send)
    })
  }

  async submitMany(documents: readonly CheckedDocument[], options: SubmitOptions): Promise<Receipt[]> {
    const receipts: Receipt[] = []
    for (const [n, group] of inRequests(documents).entries()) {
      const key = options.idempotencyKey
      const headers = writeHeaders({
        ...options,
        ...(key === undefined || n === 0 ? {} : { idempotencyKey: jobIdOfKey(`${key}/request/${n}`) }),
      })
      const body = { jobs: group.map(({ id, spec }) => (id === null ? spec : { ...spec, id })) }
      const answer = await this.#under(options.signal, (signal) =>
        this.#gateway.json<BatchReceipt>('/v1/jobs:batch', { method: 'POST', body, headers, signal }),
      )
      receipts.push(...answer.jobs)
    }
    return receipts
  }

  cancel(id: string, body: CancelBody, options: WriteOptions & { known?: number }) {
    return this.#post<{ id: string; seq: number }>(id, 'cancel', body, options)
  }

  retry(id: string, options: WriteOptions & { known?: number }): Promise<Receipt> {
    return this.#post<Receipt>(id, 'retry', {}, options)
  }

  async query<N extends QueryName>(name: N, request: QueryRequest<N>, signal?: AbortSignal): Promise<QueryAnswers[N]> {
    const { atLeastSequence, ...rest } = request as QueryRequest<'job'> & QueryRequest<'jobs'> & QueryRequest<'events'>
    const seq = { seq: atLeastSequence }
    const get = <T>(path: string, query = {}) =>
      this.#under(signal, (under) =>
        this.#gateway.json<T>(path, { query: { ...(rest as object), ...seq, ...query }, signal: under }),
      )
    const ask: Record<QueryName, () => Promise<unknown>> = {
      job: () => get(pathOf(rest.id), { id: undefined }),
      jobs: () =>
        get('/v1/jobs', {
          labels: undefined,
          label: Object.entries(rest.labels ?? {}).map(([key, value]) => `${key}=${value}`),
        }),
      hosts: () => get('/v1/hosts'),
      events: () =>
        get('/v1/events', {
          fromTimeMs: undefined,
          fromTime: rest.fromTimeMs === undefined ? undefined : new Date(rest.fromTimeMs).toISOString(),
        }),
      status: () => get('/v1/status'),
    }
    return (await ask[name]()) as QueryAnswers[N]
  }

  done(id: string, options: { known?: number; signal?: AbortSignal }): Promise<DoneNotice> {
    const path = `${pathOf(id)}/wait`
    return this.#under(options.signal, async (signal) => {
      for (;;) {
        const response = await this.#patiently(signal, () =>
          this.#gateway.request(path, { query: { timeout: waitText }, signal }),
        )
        if (response.status !== 204) return (await response.json()) as DoneNotice
      }
    })
  }

  async *output(id: string, options: OutputOptions): AsyncGenerator<OutputPiece> {
    const linked = linkSignals([options.signal, this.#closing.signal])
    try {
      yield* this.#output(id, options, linked.signal)
    } finally {
      linked.release()
    }
  }

  async *#output(id: string, options: OutputOptions, signal: AbortSignal): AsyncGenerator<OutputPiece> {
    let cursor: OutputCursor | null = options.after ?? null
    for (let lastMs = performance.now(); ; ) {
      try {
        const response = await this.#gateway.request(`${pathOf(id)}/logs`, {
          query: {
            follow: options.follow ?? true,
            attempt: cursor && options.attempt === 'last' ? undefined : options.attempt,
            after: cursor ? `${cursor.attempt}:${cursor.stdoutBytes}:${cursor.stderrBytes}` : undefined,
          },
          signal,
        })
        for await (const text of linesOf(response)) {
          if (text === '') continue
          const line = JSON.parse(text) as OutputLine | { error: Problem }
          if ('error' in line) throw errorOfProblem(line.error)
          const { data, ...rest } = line
          const piece = { ...rest, bytes: Buffer.from(data, 'base64') }
          cursor = advance(cursor, piece)
          yield piece
          lastMs = performance.now()
        }
        return
      } catch (error) {
        await this.#orAgain(error, lastMs, signal)
      }
    }
  }

  async *events(options: EventsOptions): AsyncGenerator<CloudEvent> {
    const linked = linkSignals([options.signal, this.#closing.signal])
    try {
      yield* this.#events(options, linked.signal)
    } finally {
      linked.release()
    }
  }

  async *#events(options: EventsOptions, signal: AbortSignal): AsyncGenerator<CloudEvent> {
    let from = options.from ?? 0
    const filter = { job: options.job, host: options.host }
    if (!options.follow) {
      for (;;) {
        const page: QueryAnswers['events'] = await this.#gateway.json('/v1/events', {
          query: { ...filter, ...fromQuery(from), limit: limits.listPageMax },
          signal,
        })
        yield* page.events
        if (page.events.length === 0) return
        from = page.next
      }
    }
    for (let lastMs = performance.now(); ; ) {
      try {
        const response = await this.#gateway.request('/v1/events', {
          query: { ...filter, ...fromQuery(from) },
          headers: { accept: 'text/event-stream' },
          signal,
        })
        for await (const sent of serverSentEvents(response)) {
          if (sent.event === 'problem') throw errorOfProblem(JSON.parse(sent.data) as Problem)
          const event = JSON.parse(sent.data) as CloudEvent
          from = event.position + 1
          yield event
          lastMs = performance.now()
        }
        // The gateway ends a stream only when it stops: go on with the next one.
        await delay(pauseMs, undefined, { signal })
      } catch (error) {
        await this.#orAgain(error, lastMs, signal)
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new ClientError('closed', 'The client was closed.'))
  }

  /** Ends with the caller's signal and with the client. */
  #under<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withSignals([signal, this.#closing.signal], work)
  }

  #post<T>(id: string, verb: string, body: object, options: WriteOptions & { known?: number }): Promise<T> {
    const path = `${pathOf(id)}:${verb}`
    const headers = writeHeaders(options)
    return this.#under(options.signal, (signal) =>
      this.#gateway.json<T>(path, { method: 'POST', body, query: { seq: options.known }, headers, signal }),
    )
  }

  /** Repeats what may be repeated while the gateway is away. */
  async #patiently<T>(signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    for (const startMs = performance.now(); ; ) {
      try {
        return await send()
      } catch (error) {
        await this.#orAgain(error, startMs, signal)
      }
    }
  }

  /** Returns after a pause when it is worth another try; else throws the error. */
  async #orAgain(error: unknown, sinceMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortReason(signal)
    // What fetch's body throws when a connection breaks is a TypeError ("terminated").
    const broken = error instanceof TypeError || isClientError(error, 'no-server')
    if (!broken || performance.now() - sinceMs > patienceMs) throw error
    await delay(pauseMs)
    throwIfAborted(signal)
  }
}

const writeHeaders = (options: SubmitOptions) => ({
  'idempotency-key': options.idempotencyKey === undefined ? undefined : encodeURIComponent(options.idempotencyKey),
  'millrace-actor': options.actor === undefined ? undefined : encodeURIComponent(options.actor),
})

/** An empty id would be another address. */
const pathOf = (id: string): string => {
  if (id === '') throw new ClientError('not-found', 'There is no job with an empty id.')
  return `/v1/jobs/${encodeURIComponent(id)}`
}

const fromQuery = (from: number | Date) => (from instanceof Date ? { fromTime: from.toISOString() } : { from })

const advance = (cursor: OutputCursor | null, piece: OutputPiece): OutputCursor => {
  const same = cursor?.attempt === piece.attempt ? cursor : { attempt: piece.attempt, stdoutBytes: 0, stderrBytes: 0 }
  const end = piece.offset + piece.bytes.length
  return piece.stream === 'stdout' ? { ...same, stdoutBytes: end } : { ...same, stderrBytes: end }
}

const inRequests = (documents: readonly CheckedDocument[]): CheckedDocument[][] => {
  const groups: CheckedDocument[][] = []
  let bytes = 0
  for (const document of documents) {
    const last = groups.at(-1)
    bytes += document.bytes + 128
    if (last && bytes <= batchBytesMax && last.length < limits.jobsPerBatchMax) last.push(document)
    else {
      groups.push([document])
      bytes = document.bytes + 128
    }
  }
  return groups
}
