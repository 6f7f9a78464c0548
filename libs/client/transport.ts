/**
 * What a way to the cell must be able to do: over NATS (nats/) or over HTTP (http/). The SDK above it is the same
 * for both, and one contract suite (contract.ts) runs against both.
 */
import type { CancelBody, CloudEvent, DoneNotice, QueryAnswers, QueryName, QueryRequest, Receipt } from '#schemas'
import type { CheckedDocument } from './document.ts'

export type WriteOptions = { actor?: string; signal?: AbortSignal }

export type SubmitOptions = WriteOptions & {
  /** The same key is the same job: submitting again gives the job that stands. */
  idempotencyKey?: string
}

/** Called once with the end of a submitted job, where the way to the cell can tell without being asked. */
export type OnDone = (notice: DoneNotice) => void

export type OutputOptions = {
  /** Go on until the job has ended (default true). False: what is there now. */
  follow?: boolean
  /** One attempt, the last one (at the time of asking) and those after it, or all (default). */
  attempt?: number | 'last' | 'all'
  /** What the reader has already: go on behind it. */
  after?: OutputCursor
  signal?: AbortSignal
}

/** How far a reader is: every attempt before `attempt` is read, and so many bytes of its streams. */
export type OutputCursor = { attempt: number; stdoutBytes: number; stderrBytes: number }

export type OutputPiece = {
  attempt: number
  stream: 'stdout' | 'stderr'
  /** Of the first byte in this stream of this attempt. Pieces of a stream follow each other without overlap. */
  offset: number
  bytes: Uint8Array
  /** Bytes before this piece that were not shipped (limit, or aged out): they exist on the host only. */
  missing?: number
}

export type EventsOptions = {
  job?: string
  host?: string
  /** First position wanted; a Date is the first broker time wanted. Default: from the beginning. */
  from?: number | Date
  /** Go on with new events (default false). */
  follow?: boolean
  signal?: AbortSignal
}

export interface Transport {
  /** Waits that may be under way at once in `waitAll`: over HTTP each one holds a connection. */
  readonly waitsAtOnceMax: number
  /** Resolves once the submission is in the log; the job's end can be awaited from then on without a gap. */
  submit(document: CheckedDocument, options: SubmitOptions, onDone?: OnDone): Promise<Receipt>
  submitMany(documents: readonly CheckedDocument[], options: SubmitOptions, onDone?: OnDone): Promise<Receipt[]>
  /** `known`: LOG sequence of this client's own submission of the job: it exists, nobody needs to be asked. */
  cancel(id: string, body: CancelBody, options: WriteOptions & { known?: number }): Promise<{ id: string; seq: number }>
  /** A job in `retrying` is tried at once (its own id comes back); an ended one is submitted again (a new id). */
  retry(id: string, options: WriteOptions & { known?: number }): Promise<Receipt>
  query<N extends QueryName>(name: N, request: QueryRequest<N>, signal?: AbortSignal): Promise<QueryAnswers[N]>
  /** Resolves when the job has ended. `known` as above. Rejects `not-found` when there is no such job. */
  done(id: string, options: { known?: number; signal?: AbortSignal }): Promise<DoneNotice>
  output(id: string, options: OutputOptions): AsyncIterable<OutputPiece>
  events(options: EventsOptions): AsyncIterable<CloudEvent>
  close(): Promise<void>
}
