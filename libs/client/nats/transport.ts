/** The way to the cell over NATS: submissions and requests as commits in LOG, reads from the archive, plain notices. */
import type { Broker } from '#eventlog'
import { newId } from '#runtime'
import {
  type CancelBody,
  type DoneNotice,
  type Event,
  encodeCommit,
  isTerminalState,
  type JobView,
  type QueryAnswers,
  type QueryName,
  type QueryRequest,
  type Receipt,
  type Subjects,
  subjectsOf,
} from '#schemas'
import { type CheckedDocument, checkDocument, jobIdOfKey } from '../document.ts'
import { ClientError, isClientError } from '../errors.ts'
import type { EventsOptions, OnDone, OutputOptions, SubmitOptions, Transport, WriteOptions } from '../transport.ts'
import { ArchiveQueries } from './archive-queries.ts'
import { fromBroker } from './broker-errors.ts'
import { DoneHub } from './done-hub.ts'
import { followEvents } from './events-follow.ts'
import { LogTail } from './log-tail.ts'
import { followOutput } from './output-follow.ts'
import { type Placed, Publisher, type Submission } from './publisher.ts'
import { checkStanding, submitWithOwnId } from './standing.ts'
import { type Waits, waitsDefault } from './waits.ts'

export type NatsTransportOptions = {
  namespace?: string
  /** The writer that stands in the commits: `client/<name>`. */
  name?: string
  /** Close the broker with the transport (default true). */
  ownsBroker?: boolean
  /** For tests: shorter waits. */
  waits?: Partial<Waits>
}

/** Standing submissions compared at once, when many with own ids are submitted. */
const comparisonsAtOnceMax = 16

export class NatsTransport implements Transport {
  readonly waitsAtOnceMax = 10_000
  readonly #broker: Broker
  readonly #subjects: Subjects
  readonly #source: string
  readonly #ownsBroker: boolean
  readonly #waits: Waits
  readonly #archive: ArchiveQueries
  readonly #publisher: Publisher
  readonly #hub: DoneHub
  readonly #tail: LogTail
  /** Newest LOG sequence written here: who does not find a job just submitted reads again from there. */
  #written = 0

  constructor(broker: Broker, options: NatsTransportOptions = {}) {
    this.#broker = broker
    this.#subjects = subjectsOf(options.namespace)
    this.#source = `client/${options.name ?? 'sdk'}`
    this.#ownsBroker = options.ownsBroker ?? true
    this.#waits = { ...waitsDefault, ...options.waits }
    this.#archive = new ArchiveQueries(broker, this.#subjects, this.#waits.archiveMs)
    this.#publisher = new Publisher(broker.log, this.#subjects, this.#source)
    this.#hub = new DoneHub(broker, this.#subjects, this.#archive, this.#waits.checkMs)
    this.#tail = new LogTail(broker, this.#subjects)
  }

  async submit(document: CheckedDocument, options: SubmitOptions, onDone?: OnDone): Promise<Receipt> {
    const [submission, own] = withId(document, options.idempotencyKey)
    if (onDone) this.#hub.expect(submission.job, onDone)
    try {
      const placed = own
        ? await submitWithOwnId(this.#parts(), submission, options)
        : await this.#publisher.submit(submission, options)
      return this.#receipt(submission, placed)
    } catch (error) {
      if (onDone) this.#hub.forget(submission.job)
      throw error
    }
  }

  async submitMany(documents: readonly CheckedDocument[], options: SubmitOptions, onDone?: OnDone): Promise<Receipt[]> {
    if (documents.length === 0) return []
    const key = options.idempotencyKey
    const pairs = documents.map((document, n) => withId(document, key === undefined ? undefined : `${key}/${n}`))
    const submissions = pairs.map(([submission]) => submission)
    if (onDone) for (const { job } of submissions) this.#hub.expect(job, onDone)
    try {
      const placed = await this.#publisher.submitBatch(
        key === undefined ? newId() : jobIdOfKey(`batch/${key}`),
        submissions,
        options,
      )
      await this.#compareOwn(pairs, placed, options)
      return submissions.map((submission, n) => this.#receipt(submission, placed[n]!))
    } catch (error) {
      if (onDone) for (const { job } of submissions) this.#hub.forget(job)
      throw error
    }
  }

  async cancel(id: string, body: CancelBody, options: WriteOptions & { known?: number }) {
    let job = id
    if (!options.known) {
      const view = await this.#view(id, options.signal)
      job = view.id
      if (view.state === 'cancelled') return { id: job, seq: view.seq }
      if (isTerminalState(view.state))
        throw new ClientError('wrong-state', `The job ${job} has already ended: it is ${view.state}.`)
    }
    const seq = await this.#request({ type: 'cancel-requested', job, ...body }, options)
    return { id: job, seq }
  }

  async retry(id: string, options: WriteOptions & { known?: number }): Promise<Receipt> {
    const view = await this.#view(id, options.signal, options.known)
    if (view.state === 'retrying') {
      const seq = await this.#request({ type: 'retry-requested', job: view.id }, options)
      return { id: view.id, seq, duplicate: false }
    }
    if (!isTerminalState(view.state))
      throw new ClientError('wrong-state', `The job ${view.id} is ${view.state}; there is nothing to retry yet.`)
    return this.submit(checkDocument({ ...view.spec, retryOf: view.id }), options)
  }

  async query<N extends QueryName>(name: N, request: QueryRequest<N>, signal?: AbortSignal): Promise<QueryAnswers[N]> {
    try {
      return await this.#archive.query(name, request, signal)
    } catch (error) {
      // Read your own writes: the archive may be a moment behind what this client has just submitted.
      const behind = isClientError(error, 'not-found') && !('atLeastSequence' in request) && this.#written > 0
      if (!behind) throw error
      return this.#archive.query(name, { ...request, atLeastSequence: this.#written }, signal)
    }
  }

  done(id: string, options: { known?: number; signal?: AbortSignal }): Promise<DoneNotice> {
    return this.#hub.done(id, options)
  }

  output(id: string, options: OutputOptions) {
    const done = (job: string, signal: AbortSignal) => this.#hub.done(job, { signal })
    const { stragglerMs } = this.#waits
    const parts = { broker: this.#broker, subjects: this.#subjects, archive: this.#archive, done, stragglerMs }
    return followOutput(parts, id, options)
  }

  events(options: EventsOptions) {
    return followEvents({ archive: this.#archive, tail: this.#tail }, options)
  }

  async close(): Promise<void> {
    this.#hub.close()
    this.#publisher.close()
    if (this.#ownsBroker) await this.#broker.close()
  }

  #parts() {
    return { log: this.#broker.log, subjects: this.#subjects, archive: this.#archive, publisher: this.#publisher }
  }

  #receipt(submission: Submission, placed: Placed): Receipt {
    this.#written = Math.max(this.#written, placed.sequence)
    return { id: submission.job, seq: placed.sequence, duplicate: placed.duplicate }
  }

  #view(id: string, signal: AbortSignal | undefined, atLeastSequence?: number): Promise<JobView> {
    return this.query('job', { id, ...(atLeastSequence ? { atLeastSequence } : {}) }, signal)
  }

  async #compareOwn(pairs: readonly (readonly [Submission, boolean])[], placed: Placed[], options: SubmitOptions) {
    const own = pairs.flatMap(([submission, isOwn], n) => (isOwn ? [{ submission, n }] : []))
    const work = async () => {
      for (let next = own.pop(); next; next = own.pop()) {
        placed[next.n] = await checkStanding(this.#parts(), next.submission, placed[next.n]!, options)
      }
    }
    await Promise.all(Array.from({ length: comparisonsAtOnceMax }, work))
  }

  async #request(event: Event & { job: string }, options: WriteOptions): Promise<number> {
    const id = `${event.job}/${event.type}/${newId()}`
    const bytes = encodeCommit({
      v: 1,
      id,
      source: this.#source,
      ...(options.actor === undefined ? {} : { actor: options.actor }),
      time: Date.now(),
      events: [event],
    })
    try {
      const { sequence } = await this.#broker.log.append(
        { subject: this.#subjects.job(event.job, event.type), id, bytes },
        options.signal,
      )
      this.#written = Math.max(this.#written, sequence)
      return sequence
    } catch (error) {
      throw fromBroker(error, options.signal)
    }
  }
}

/** A submission with its id: the document's own, the key's, or a new one; and whether somebody may have used it before. */
const withId = (document: CheckedDocument, key: string | undefined): readonly [Submission, boolean] => {
  const job = document.id ?? (key === undefined ? newId() : jobIdOfKey(key))
  return [{ job, spec: document.spec, bytes: document.bytes }, document.id !== null || key !== undefined]
}
