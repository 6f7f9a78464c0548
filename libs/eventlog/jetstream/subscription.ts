/**
 * A subscription to a stream that never falls silent: a pull consumer with a callback, watched, and built anew
 * whenever it can't be trusted. Shared by log, beats, output and host consumers, which say how to open it.
 *
 * What is promised:
 * - messages that arrive in one turn of the event loop are handed over together, in order, synchronously.
 * - it is opened again after: a lost connection, a deleted consumer, a delivery lost on the way, silence (neither a
 *   message nor a heartbeat for `stallMs`). What was in flight is dropped: the opener starts behind the last accepted one.
 * - `stop` ends deliveries at once; what a handler throws, or the opener throws as a BrokerError, ends it with that.
 *
 * Must never decide which message comes next: the opener's `accept` does.
 */
import type { ConsumerInfo, ConsumerMessages, JetStreamClient, JsMsg } from '@nats-io/jetstream'
import { timing } from '#schemas'
import type { Follow } from '../port.ts'
import type { Link } from './link.ts'
import { broken, pause, whileConnected } from './patience.ts'
import { ackSubjectOf, type Delivery, deliveryOf } from './stored.ts'

/** What an opener hands back: the consumer, and what to do with what it delivers. */
export type Opened<T> = {
  consumer: ConsumerInfo
  /** Number that the next delivery of this consumer must have. */
  nextDelivery: number
  /** Handed over before anything that it delivers. */
  first?: T | null
  /** Called for each message in the order of arrival: what to hand over; null passes it over, 'reopen' gives up on this consumer. */
  accept(message: JsMsg, delivery: Delivery): T | null | 'reopen'
  /** Called after each batch was handed over (`idle` false), and when the server says that nothing is pending. */
  after?(idle: boolean): 'reopen' | undefined
  /** Called when it is given up: to delete an ephemeral consumer. */
  dispose?(): void
}

export type SubscriptionOptions<T> = {
  link: Link
  js: JetStreamClient
  /** Makes the consumer. null: not there yet, ask again soon. Throwing ends the subscription. */
  open: () => Promise<Opened<T> | null>
  onBatch: (batch: readonly T[]) => void
  stallMs?: number | undefined
  signal?: AbortSignal | undefined
}

/** Outstanding messages at most: at 256 KiB each this stays below the server's 64 MiB for a slow reader. */
const outstandingMax = 200
const pullExpiresMs = 30_000
const heartbeatMs = 2_000
const batchMax = 1_000
const reopenMsMin = 50
const reopenMsMax = 1_000

export const subscribe = <T extends object>(options: SubscriptionOptions<T>): Follow => {
  const { link, js, onBatch, signal } = options
  const stallMs = options.stallMs ?? timing.consumerStallMs
  const ending = new AbortController()
  let settle: { resolve: () => void; reject: (error: unknown) => void }
  const closed = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  const end = (error?: unknown) => {
    if (ending.signal.aborted) return
    ending.abort()
    unlisten()
    signal?.removeEventListener('abort', onAbort)
    if (error === undefined) settle.resolve()
    else settle.reject(error)
  }
  const onAbort = () => end()
  const unlisten = link.listen({ onClosed: () => end() })
  if (signal?.aborted) end()
  else signal?.addEventListener('abort', onAbort)

  const run = async () => {
    let waitMs = reopenMsMin
    while (!ending.signal.aborted) {
      const opening = link.status() === 'connected' ? options.open() : Promise.resolve(null)
      const opened = await whileConnected(link, opening)
      if (opened === broken) void opening.then((late) => late?.dispose?.()).catch(() => {})
      else if (opened !== null) {
        const received = ending.signal.aborted ? 0 : await readUntilBroken(opened)
        opened.dispose?.()
        if (received > 0) waitMs = reopenMsMin
      }
      if (ending.signal.aborted) return
      await pause(waitMs, ending.signal)
      waitMs = Math.min(waitMs * 2, link.status() === 'connected' ? reopenMsMax : reopenMsMin * 2)
    }
  }

  /** Reads from one consumer until it must be given up; resolves with the number of messages accepted from it. */
  const readUntilBroken = async (opened: Opened<T>): Promise<number> => {
    let batch: T[] = []
    let scheduled: NodeJS.Immediate | null = null
    let nextDelivery = opened.nextDelivery
    let accepted = 0
    let heardMs = performance.now()
    let over = false
    let giveUp = () => {}
    const brokenOnce = new Promise<void>((resolve) => {
      giveUp = () => {
        over = true
        resolve()
      }
    })
    const guarded = (act: () => void) => {
      try {
        act()
      } catch (error) {
        end(error)
        giveUp()
      }
    }
    const afterwards = (idle: boolean) => {
      if (!ending.signal.aborted && opened.after?.(idle) === 'reopen') giveUp()
    }
    const handOver = () => {
      if (scheduled !== null) clearImmediate(scheduled)
      scheduled = null
      if (batch.length === 0 || ending.signal.aborted) return
      const ready = batch
      batch = []
      guarded(() => {
        onBatch(ready)
        afterwards(false)
      })
    }
    const onMessage = (message: JsMsg) => {
      if (over || ending.signal.aborted) return
      heardMs = performance.now()
      guarded(() => {
        const delivery = deliveryOf(ackSubjectOf(message))
        if (delivery.number !== nextDelivery) return giveUp()
        nextDelivery++
        const value = opened.accept(message, delivery)
        if (value === 'reopen') return giveUp()
        if (value === null) return
        accepted++
        batch.push(value)
        if (batch.length >= batchMax) handOver()
        else scheduled ??= setImmediate(handOver)
      })
    }
    const watchNotices = async (messages: ConsumerMessages) => {
      for await (const notice of messages.status()) {
        if (over) return
        if (notice.type === 'heartbeat') {
          heardMs = performance.now()
          if (batch.length === 0) guarded(() => afterwards(true))
        } else if (notice.type.endsWith('_not_found') || notice.type === 'consumer_deleted') giveUp()
        else if (notice.type === 'no_responders') giveUp()
      }
    }

    // From here on: a break before the first pull must not be missed either.
    const unlistenRead = link.listen({ onDisconnected: giveUp, onReconnected: giveUp })
    ending.signal.addEventListener('abort', giveUp)
    const release = () => {
      unlistenRead()
      ending.signal.removeEventListener('abort', giveUp)
    }
    if (opened.first != null) batch.push(opened.first)
    if (batch.length > 0) handOver()
    else guarded(() => afterwards(false))
    if (over) {
      release()
      return 0
    }
    const messages = await js.consumers.getConsumerFromInfo(opened.consumer).consume({
      callback: onMessage,
      max_messages: outstandingMax,
      threshold_messages: outstandingMax / 2,
      expires: pullExpiresMs,
      idle_heartbeat: heartbeatMs,
    })
    const watchdog = setInterval(() => {
      if (performance.now() - heardMs > stallMs) giveUp()
    }, stallMs / 4)
    void messages.closed().then(giveUp, giveUp)
    void watchNotices(messages).catch(giveUp)
    await brokenOnce
    clearInterval(watchdog)
    release()
    messages.stop()
    // What was accepted before the break is in order and whole: it is handed over, not fetched again.
    handOver()
    return accepted
  }

  run().catch(end)
  return {
    closed,
    stop() {
      end()
      return Promise.resolve()
    },
  }
}
