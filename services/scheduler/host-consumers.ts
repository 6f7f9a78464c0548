/**
 * Makes each host's durable consumer when it joins: agents have no right to. Idempotent at the broker, so a new
 * leader simply does it again for every host. Failures are tried again while leading; nothing waits for it here.
 */
import { BrokerError, type EventLog } from '#eventlog'
import type { Logger } from '#runtime'
import { pause } from './publish.ts'

const atOnceMax = 8
const pauseMs = 500

export class HostConsumers {
  readonly #log: Pick<EventLog, 'ensureHostConsumer'>
  readonly #logger: Logger
  /** Host → sequence to start from; a host joins the line once, however often it joins the cell meanwhile. */
  readonly #wanted = new Map<string, number>()
  #signal: AbortSignal = AbortSignal.abort()
  #running = 0

  constructor(log: Pick<EventLog, 'ensureHostConsumer'>, logger: Logger) {
    this.#log = log
    this.#logger = logger
  }

  /** A reign begins: every host known so far is seen to, because the leader before may not have come to it. */
  takeOver(hosts: ReadonlyMap<string, number>, signal: AbortSignal): void {
    this.#signal = signal
    this.#wanted.clear()
    for (const [host, sequence] of hosts) this.ensure(host, sequence)
  }

  /** Without a reign: nothing. */
  ensure(host: string, fromSequence: number): void {
    if (this.#signal.aborted) return
    this.#wanted.set(host, fromSequence)
    while (this.#running < Math.min(atOnceMax, this.#wanted.size)) {
      this.#running++
      void this.#work()
    }
  }

  async #work(): Promise<void> {
    try {
      await this.#drain()
    } finally {
      this.#running--
    }
  }

  async #drain(): Promise<void> {
    for (let next = this.#wanted.entries().next(); !next.done && !this.#signal.aborted; ) {
      const [host, fromSequence] = next.value
      this.#wanted.delete(host)
      try {
        await this.#log.ensureHostConsumer(host, fromSequence)
        this.#logger.debug({ host, fromSequence }, 'consumer of host is there')
      } catch (error) {
        if (error instanceof BrokerError && error.code === 'closed') return
        this.#logger.warn({ err: error, host }, 'consumer of host could not be made, trying again')
        if (!this.#wanted.has(host)) this.#wanted.set(host, fromSequence)
        await pause(pauseMs, this.#signal)
      }
      next = this.#wanted.entries().next()
    }
  }
}
