/**
 * How the memory adapter delivers: a reader with a cursor over a growing array, woken after each append, in batches and
 * never within the append itself. Ends like the real one: by stop, by the signal, or by what a handler throws.
 */
import type { Follow } from '../port.ts'

/** Calls back later, in order. */
export type Schedule = (run: () => void) => void

export type ReaderOptions<T> = {
  schedule: Schedule
  /** What there is beyond the cursor; empty when nothing is. Moves the cursor. */
  take: (max: number) => readonly T[]
  onBatch: (batch: readonly T[]) => void
  /** Called when `take` found nothing more. */
  onDrained?: (() => void) | undefined
  signal?: AbortSignal | undefined
  /** Called when it has ended. */
  onEnd?: () => void
}

export type Reader = Follow & {
  /** There may be more to take. */
  wake(): void
  fail(error: unknown): void
}

const batchMax = 1_000

export const newReader = <T>(options: ReaderOptions<T>): Reader => {
  const { schedule, take, onBatch, onDrained, signal, onEnd } = options
  let ended = false
  let scheduled = false
  let settle: { resolve: () => void; reject: (error: unknown) => void }
  const closed = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  const end = (error?: unknown) => {
    if (ended) return
    ended = true
    signal?.removeEventListener('abort', onAbort)
    onEnd?.()
    if (error === undefined) settle.resolve()
    else settle.reject(error)
  }
  const onAbort = () => end()
  const run = () => {
    scheduled = false
    if (ended) return
    try {
      const batch = take(batchMax)
      if (batch.length > 0) {
        onBatch(batch)
        wake()
      } else onDrained?.()
    } catch (error) {
      end(error)
    }
  }
  const wake = () => {
    if (scheduled || ended) return
    scheduled = true
    schedule(run)
  }
  if (signal?.aborted) queueMicrotask(onAbort)
  else signal?.addEventListener('abort', onAbort)
  wake()
  return {
    closed,
    wake,
    fail: end,
    stop() {
      end()
      return Promise.resolve()
    },
  }
}
