/**
 * Ships what jobs write to MR_OUTPUT: tails the files of running attempts that are older than 100 ms, in ordered chunks.
 * An attempt whose whole output fits into `exited` is not shipped at all. Output must never hold up anything else: it
 * has its own pace, and what can't be shipped now is shipped later, from the file.
 */
import { open } from 'node:fs/promises'
import type { OutputStream } from '#eventlog'
import { type AttemptEnd, attemptOutput } from '#process'
import { limits, parseAttemptId } from '#schemas'
import { readShipped, type ShippedState, type StreamName, writeShipped } from './shipped.ts'

const lookMs = 100
/** A quiet attempt is looked at less and less often, up to this. */
const lookMsMax = 1_000
/** Attempts that ship at the same time: bounds memory and the share of the broker. */
const atOnceMax = 16
const retryMs = 1_000

type Tailed = {
  id: string
  job: string
  attempt: number
  shipped: ShippedState | null
  nextLookMs: number
  waitMs: number
  totals: Record<StreamName, number> | null
  busy: boolean
  onDone: (() => void)[]
}

export type ShipperOptions = {
  data: string
  output: Pick<OutputStream, 'append'>
  nowMs: () => number
  onTrouble: (error: Error, attemptId: string) => void
}

export class OutputShipper {
  readonly #options: ShipperOptions
  readonly #tailed = new Map<string, Tailed>()
  #busy = 0
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: ShipperOptions) {
    this.#options = options
  }

  started(attemptId: string): void {
    this.#tail(attemptId)
  }

  /** `onDone`: nothing more has to be shipped of it. Called at once when nothing was and nothing has to be. */
  ended(end: AttemptEnd, onDone: () => void): void {
    const tailed = this.#tail(end.attemptId)
    if (!tailed) return onDone()
    tailed.totals = { out: end.stdoutBytes, err: end.stderrBytes }
    tailed.onDone.push(onDone)
    tailed.nextLookMs = 0
    if (!tailed.busy && this.#isComplete(tailed)) this.#done(tailed)
    else this.#look()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  #tail(attemptId: string): Tailed | null {
    const known = this.#tailed.get(attemptId)
    const name = known ?? parseAttemptId(attemptId)
    if (known || !name || this.#stopped) return known ?? null
    const nextLookMs = this.#options.nowMs() + lookMs
    const fresh = {
      id: attemptId,
      ...name,
      shipped: null,
      nextLookMs,
      waitMs: lookMs,
      totals: null,
      busy: false,
      onDone: [],
    }
    this.#tailed.set(attemptId, fresh)
    this.#timer ??= setTimeout(() => this.#tick(), lookMs)
    return fresh
  }

  #tick(): void {
    this.#timer = null
    this.#look()
    if (this.#tailed.size > 0 && !this.#stopped) this.#timer = setTimeout(() => this.#tick(), lookMs)
  }

  #look(): void {
    const nowMs = this.#options.nowMs()
    for (const tailed of this.#tailed.values()) {
      if (this.#busy >= atOnceMax || this.#stopped) return
      if (!tailed.busy && tailed.nextLookMs <= nowMs) void this.#ship(tailed)
    }
  }

  async #ship(tailed: Tailed): Promise<void> {
    tailed.busy = true
    this.#busy++
    try {
      tailed.shipped ??= readShipped(this.#options.data, tailed.id)
      const before = tailed.shipped.out.offset + tailed.shipped.err.offset
      await this.#shipStream(tailed, tailed.shipped, 'out')
      await this.#shipStream(tailed, tailed.shipped, 'err')
      const quiet = tailed.shipped.out.offset + tailed.shipped.err.offset === before
      tailed.waitMs = quiet ? Math.min(lookMsMax, tailed.waitMs * 1.5) : lookMs
      tailed.nextLookMs = tailed.totals ? 0 : this.#options.nowMs() + tailed.waitMs
    } catch (error) {
      if (!this.#stopped) this.#options.onTrouble(error as Error, tailed.id)
      tailed.nextLookMs = this.#options.nowMs() + retryMs
    } finally {
      tailed.busy = false
      this.#busy--
    }
    if (!this.#stopped && this.#isComplete(tailed)) this.#done(tailed)
  }

  async #shipStream(tailed: Tailed, shipped: ShippedState, name: StreamName): Promise<void> {
    const stream = shipped[name]
    const { data, output, nowMs } = this.#options
    const { id, job, attempt } = tailed
    if (stream.closed || this.#needsNothing(tailed, name)) return
    const file = await open(attemptOutput(data, id, name), 'r').catch(() => null)
    try {
      while (!this.#stopped && !stream.closed) {
        const total = tailed.totals?.[name] ?? null
        const limit = Math.min(total ?? Number.POSITIVE_INFINITY, limits.outputShippedBytesMax)
        const wanted =
          stream.planned > stream.offset ? stream.planned : Math.min(limit, stream.offset + limits.outputChunkBytesMax)
        const bytes = await readAt(file, stream.offset, wanted - stream.offset)
        const end = stream.offset + bytes.length
        // A file that the job cut short has no more, whatever was counted.
        const last = end >= limits.outputShippedBytesMax || (total !== null && (end >= total || bytes.length === 0))
        if (bytes.length === 0 && !last) return
        stream.planned = end
        writeShipped(data, id, shipped)
        await output.append({ job, attempt, stream: name, offset: stream.offset, timeMs: nowMs(), bytes, last })
        stream.offset = end
        stream.closed = last
        if (last) writeShipped(data, id, shipped)
      }
    } finally {
      await file?.close()
    }
  }

  /** Ended, nothing of it shipped, and all of it inside `exited`. */
  #needsNothing({ totals, shipped }: Tailed, name: StreamName): boolean {
    return totals !== null && totals[name] <= limits.tailBytesMax && (shipped?.[name].planned ?? 0) === 0
  }

  #isComplete(tailed: Tailed): boolean {
    if (!tailed.totals) return false
    // Only an agent that was restarted meanwhile has to look whether the one before it shipped something.
    if (!tailed.shipped) return tailed.totals.out + tailed.totals.err === 0
    const { out, err } = tailed.shipped
    return (out.closed || this.#needsNothing(tailed, 'out')) && (err.closed || this.#needsNothing(tailed, 'err'))
  }

  #done(tailed: Tailed): void {
    this.#tailed.delete(tailed.id)
    for (const onDone of tailed.onDone) onDone()
  }
}

const readAt = async (
  file: Awaited<ReturnType<typeof open>> | null,
  offset: number,
  length: number,
): Promise<Uint8Array> => {
  if (!file || length <= 0) return new Uint8Array(0)
  const buffer = Buffer.alloc(length)
  let got = 0
  while (got < length) {
    const { bytesRead } = await file.read(buffer, got, length - got, offset + got)
    if (bytesRead === 0) break
    got += bytesRead
  }
  return buffer.subarray(0, got)
}
