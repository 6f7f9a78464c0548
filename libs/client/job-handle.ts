/** One job in the hands of a program: wait for its end, read its output, cancel it. Holds no connection of its own. */
import { type CancelBody, type DoneNotice, durationMs, type JobView, type Receipt, reasonText } from '#schemas'
import { linkSignals } from './abort.ts'
import { ClientError, JobFailedError, throwIfAborted } from './errors.ts'
import type { OutputOptions, OutputPiece, Transport, WriteOptions } from './transport.ts'

/** How a job ended. */
export type JobResult = DoneNotice

export type WaitOptions = {
  /** `'30s'` or milliseconds; then ClientError `timed-out`. Default: as long as it takes. */
  timeout?: number | string
  signal?: AbortSignal
}

export class JobHandle {
  readonly id: string
  /** LOG sequence of the submission; 0 for a job that this client did not submit. */
  readonly seq: number
  /** True when the same job had been submitted before. */
  readonly duplicate: boolean
  readonly #transport: Transport
  readonly #actor: string | undefined
  #done: DoneNotice | null = null

  constructor(transport: Transport, receipt: Receipt, actor?: string) {
    this.id = receipt.id
    this.seq = receipt.seq
    this.duplicate = receipt.duplicate
    this.#transport = transport
    this.#actor = actor
  }

  /** For the client alone: the end of the job became known. */
  settle(notice: DoneNotice): void {
    this.#done = notice
  }

  /** Resolves with the end of the job, whatever it is. Throws only ClientError. */
  async wait(options: WaitOptions = {}): Promise<JobResult> {
    throwIfAborted(options.signal)
    if (this.#done) return this.#done
    const limit = linkSignals([options.signal], timeoutMsOf(options))
    try {
      const done = await this.#transport.done(this.id, { ...this.#known(), signal: limit.signal })
      this.#done = done
      return done
    } catch (error) {
      if (!limit.timedOut()) throw error
      throw new ClientError('timed-out', `The job ${this.id} has not ended within ${options.timeout}.`)
    } finally {
      limit.release()
    }
  }

  /** Resolves when the job succeeded; else throws JobFailedError with cause, exit code and the tail of stderr. */
  async result(options: WaitOptions = {}): Promise<JobResult> {
    const done = await this.wait(options)
    if (done.state === 'succeeded') return done
    const view = await this.#transport
      .query('job', { id: this.id, atLeastSequence: done.seq })
      .catch((): JobView | null => null)
    throw failureOf(done, view)
  }

  /** What is shown of the job now (at least what this client itself has submitted). */
  view(options: { signal?: AbortSignal } = {}): Promise<JobView> {
    const seq = Math.max(this.seq, this.#done?.seq ?? 0)
    return this.#transport.query('job', { id: this.id, ...(seq > 0 ? { atLeastSequence: seq } : {}) }, options.signal)
  }

  /**
   * The output as it comes, until the job has ended: each byte of each stream once and in order. A piece says with
   * `missing` when bytes before it were not shipped.
   */
  output(options: OutputOptions = {}): AsyncIterable<OutputPiece> {
    return this.#transport.output(this.id, options)
  }

  /** Everything that the last attempt wrote to a stream, as text. Waits until the job has ended. */
  async text(stream: 'stdout' | 'stderr' = 'stdout', options: { signal?: AbortSignal } = {}): Promise<string> {
    let attempt = 0
    let parts: Uint8Array[] = []
    for await (const piece of this.output({ ...options, attempt: 'all' })) {
      if (piece.attempt > attempt) {
        attempt = piece.attempt
        parts = []
      }
      if (piece.stream === stream) parts.push(piece.bytes)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  /** Resolves once the request is in the log; the job's end comes as usual. Cancelling twice is fine. */
  async cancel(reason?: string, options: { force?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    const body: CancelBody = {
      ...(reason === undefined ? {} : { reason }),
      ...(options.force ? { force: true } : {}),
    }
    await this.#transport.cancel(this.id, body, { ...this.#write(options.signal), ...this.#known() })
  }

  /** An ended job is submitted again (the new job comes back); one that waits to be retried is tried at once. */
  async retry(options: { signal?: AbortSignal } = {}): Promise<JobHandle> {
    const receipt = await this.#transport.retry(this.id, { ...this.#write(options.signal), ...this.#known() })
    return receipt.id === this.id ? this : new JobHandle(this.#transport, receipt, this.#actor)
  }

  #known(): { known?: number } {
    return this.seq > 0 ? { known: this.seq } : {}
  }

  #write(signal: AbortSignal | undefined): WriteOptions {
    return { ...(this.#actor === undefined ? {} : { actor: this.#actor }), ...(signal ? { signal } : {}) }
  }
}

/** The time limit in ms. Throws `bad-request` on what is no duration. */
export const timeoutMsOf = (options: WaitOptions): number | undefined => {
  if (options.timeout === undefined) return undefined
  const timeoutMs = durationMs(options.timeout)
  if (timeoutMs === null) throw new ClientError('bad-request', `${options.timeout} is no duration.`)
  return timeoutMs
}

const failureOf = (done: DoneNotice, view: JobView | null): JobFailedError => {
  const last = view?.attempts.at(-1)
  const stderrTail = last ? Buffer.from(last.stderrTail, 'base64').toString('utf8') : ''
  const error = view?.result?.error
  const code = done.exitCode === null ? '' : ` (exit code ${done.exitCode})`
  const why = `${reasonText(done.reason)}${code}${error ? ` ${error.message}` : ''}`
  return new JobFailedError(
    `The job ${done.id} ${done.state === 'failed' ? 'failed' : `was ${done.state}`}: ${why}`,
    done,
    {
      stderrTail,
      faults: view?.faults ?? [],
    },
  )
}
