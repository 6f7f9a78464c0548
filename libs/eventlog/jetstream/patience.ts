/**
 * Asking the server until it answers: for reads and other idempotent requests only, because an unanswered
 * request may have been done. Must never be used for publishing (publisher.ts does that).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { BrokerError } from '../port.ts'
import { isPassing, toBrokerError } from './faults.ts'
import type { Link } from './link.ts'

/** Long enough for a server's restart with recovery of its store, short enough to notice a dead one. */
const askLimitMs = 15_000

/** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)

/** Tells that the connection broke before an answer came. */
export const broken = Symbol('broken')

/** Waits for an answer only as long as the connection lasts: one lost with it would be waited for until its time-out. */
export const whileConnected = async <T>(link: Link, work: Promise<T>): Promise<T | typeof broken> => {
  let unlisten = () => {}
  const lost = new Promise<typeof broken>((resolve) => {
    const give = () => resolve(broken)
    unlisten = link.listen({ onDisconnected: give, onClosed: give })
  })
  try {
    return await Promise.race([work, lost])
  } finally {
    unlisten()
  }
}

/**
 * Runs an idempotent request, again when it got no answer, up to `limitMs`.
 * @throws BrokerError of the definite refusal; 'timeout' when the limit passed; 'closed'.
 */
export const ask = async <T>(link: Link, what: string, request: () => Promise<T>, limitMs = askLimitMs): Promise<T> => {
  const giveUpMs = performance.now() + limitMs
  for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 500)) {
    if (link.status() === 'closed') throw new BrokerError('closed', `${what}: the connection is closed`)
    try {
      if (link.status() === 'connected') {
        const answer = await whileConnected(link, request())
        if (answer !== broken) return answer
      }
      if (performance.now() + waitMs > giveUpMs) throw new BrokerError('timeout', `${what}: not connected`)
    } catch (error) {
      if (!isPassing(error) || performance.now() + waitMs > giveUpMs) throw toBrokerError(error, what)
    }
    await pause(waitMs)
  }
}
