/** The SDK's one interface, the same over NATS and over HTTP: submit, watch, list, cancel. */
import type { CloudEvent, HostView, JobDocument, JobPage, JobView, QueryAnswers } from '#schemas'
import { withSignals } from './abort.ts'
import { checkDocument } from './document.ts'
import { JobHandle, type JobResult, timeoutMsOf, type WaitOptions } from './job-handle.ts'
import type { EventsOptions, Transport } from './transport.ts'

export type SubmitCallOptions = {
  /** The job's id, when the caller chooses it. The same id with the same spec is the same job. */
  id?: string
  /** The same key is the same job, however often it is submitted. */
  idempotencyKey?: string
  /** Who asks for it: stands in the log. */
  actor?: string
  signal?: AbortSignal
}

export type ListFilter = {
  state?: readonly string[]
  queue?: string
  labels?: Readonly<Record<string, string>>
  /** Only jobs that have not ended. */
  live?: boolean
  limit?: number
  cursor?: string
  atLeastSequence?: number
  signal?: AbortSignal
}

export interface Client {
  /** Resolves once the job is in the log. Throws ClientError `refused` (with JSON pointers), `id-taken`, … */
  submit(document: JobDocument, options?: SubmitCallOptions): Promise<JobHandle>
  /** Many at once, in order. All are checked first: one that does not fit refuses them all. */
  submitMany(documents: readonly JobDocument[], options?: Omit<SubmitCallOptions, 'id'>): Promise<JobHandle[]>
  /** A handle for a job that exists: needs its whole id, asks nobody. */
  job(id: string): JobHandle
  /** By id or any unambiguous prefix of it. Throws `not-found`, `ambiguous-id`. */
  get(id: string, options?: { atLeastSequence?: number; signal?: AbortSignal }): Promise<JobView>
  /** Newest first, a page at a time. */
  list(filter?: ListFilter): Promise<JobPage>
  hosts(options?: { atLeastSequence?: number; signal?: AbortSignal }): Promise<HostView[]>
  /** In the order of the log, without a gap; with `follow` it never ends by itself. */
  events(options?: EventsOptions): AsyncIterable<CloudEvent>
  status(options?: { signal?: AbortSignal }): Promise<QueryAnswers['status']>
  /** Waits for all, whatever their end, in the order given. */
  waitAll(jobs: readonly (string | JobHandle)[], options?: WaitOptions): Promise<JobResult[]>
  close(): Promise<void>
}

export type ClientOptions = {
  /** Who asks, where a call does not say. */
  actor?: string
}

/** The client over a transport. */
export const clientOver = (transport: Transport, options: ClientOptions = {}): Client => {
  const writeOptions = (call: Omit<SubmitCallOptions, 'id'>) => {
    const actor = call.actor ?? options.actor
    return {
      ...(actor === undefined ? {} : { actor }),
      ...(call.signal ? { signal: call.signal } : {}),
      ...(call.idempotencyKey === undefined ? {} : { idempotencyKey: call.idempotencyKey }),
    }
  }
  const atLeast = (seq: number | undefined) => (seq === undefined ? {} : { atLeastSequence: seq })

  const client: Client = {
    async submit(document, call = {}) {
      const checked = checkDocument(call.id === undefined ? document : { ...document, id: call.id })
      const write = writeOptions(call)
      let handle: JobHandle | null = null
      const early: Parameters<JobHandle['settle']>[0][] = []
      const receipt = await transport.submit(checked, write, (notice) =>
        handle ? handle.settle(notice) : early.push(notice),
      )
      handle = new JobHandle(transport, receipt, write.actor)
      for (const notice of early) handle.settle(notice)
      return handle
    },

    async submitMany(documents, call = {}) {
      const checked = documents.map((document, n) => checkDocument(document, `/jobs/${n}`))
      const write = writeOptions(call)
      const handles = new Map<string, JobHandle>()
      const early = new Map<string, Parameters<JobHandle['settle']>[0]>()
      const receipts = await transport.submitMany(checked, write, (notice) => {
        const handle = handles.get(notice.id)
        if (handle) handle.settle(notice)
        else early.set(notice.id, notice)
        handles.delete(notice.id)
      })
      return receipts.map((receipt) => {
        const handle = new JobHandle(transport, receipt, write.actor)
        const notice = early.get(receipt.id)
        if (notice) handle.settle(notice)
        else handles.set(receipt.id, handle)
        return handle
      })
    },

    job: (id) => new JobHandle(transport, { id, seq: 0, duplicate: false }, options.actor),

    get: (id, call = {}) => transport.query('job', { id, ...atLeast(call.atLeastSequence) }, call.signal),

    list: ({ signal, state, labels, ...filter } = {}) =>
      transport.query(
        'jobs',
        { ...filter, ...(state ? { state: [...state] } : {}), ...(labels ? { labels: { ...labels } } : {}) },
        signal,
      ),

    hosts: async (call = {}) => (await transport.query('hosts', atLeast(call.atLeastSequence), call.signal)).hosts,

    events: (call = {}) => transport.events(call),

    status: (call = {}) => transport.query('status', {}, call.signal),

    async waitAll(jobs, call = {}) {
      const results: JobResult[] = new Array(jobs.length)
      let next = 0
      const work = async (signal: AbortSignal) => {
        for (let n = next++; n < jobs.length; n = next++) {
          const job = jobs[n]!
          const handle = typeof job === 'string' ? client.job(job) : job
          results[n] = await handle.wait({ signal })
        }
      }
      const workers = Math.min(transport.waitsAtOnceMax, jobs.length)
      // One that fails ends the others too: the answer is all or nothing.
      const failed = new AbortController()
      await withSignals(
        [call.signal, failed.signal],
        (signal) =>
          Promise.all(Array.from({ length: workers }, () => work(signal))).catch((error) => {
            failed.abort(error)
            throw error
          }),
        timeoutMsOf(call),
      )
      return results
    },

    close: () => transport.close(),
  }
  return client
}
