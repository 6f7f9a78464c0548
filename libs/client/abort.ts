/**
 * Joins abort signals and a time limit into one. Not AbortSignal.any: on Node 20 it loses an AbortSignal.timeout to the
 * garbage collector (it then never fires), and it leaves an entry behind in every long-lived source.
 */
import { setMaxListeners } from 'node:events'
import { ClientError } from './errors.ts'

export type Linked = {
  readonly signal: AbortSignal
  /** True when the time limit was what aborted. */
  readonly timedOut: () => boolean
  /** Call when the work is over: lets go of the sources and the timer. */
  release(): void
}

/** A controller whose signal many listen to at once: Node warns of a leak from the eleventh on otherwise. */
export const newSharedController = (): AbortController => {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}

/** A timer holds 31 bits of milliseconds; a longer wait than 24 days is as good as none. */
const timerMsMax = 2 ** 31 - 1

export const linkSignals = (sources: readonly (AbortSignal | undefined)[], limitMs?: number): Linked => {
  const controller = newSharedController()
  let timedOut = false
  const release = () => {
    clearTimeout(timer)
    for (const source of sources) source?.removeEventListener('abort', onAbort)
  }
  const abort = (reason: unknown) => {
    release()
    controller.abort(reason)
  }
  const onAbort = (event: Event) => abort((event.target as AbortSignal).reason)
  const onTime = () => {
    timedOut = true
    abort(new ClientError('timed-out', 'The time given is over.'))
  }
  const timer = limitMs === undefined ? undefined : setTimeout(onTime, Math.min(limitMs, timerMsMax))
  for (const source of sources) source?.addEventListener('abort', onAbort, { once: true })
  const aborted = sources.find((source) => source?.aborted)
  if (aborted) abort(aborted.reason)
  return { signal: controller.signal, timedOut: () => timedOut, release }
}

/** Runs work under joined signals and lets go of them afterwards. */
export const withSignals = async <T>(
  sources: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
  limitMs?: number,
): Promise<T> => {
  const linked = linkSignals(sources, limitMs)
  try {
    return await work(linked.signal)
  } finally {
    linked.release()
  }
}
