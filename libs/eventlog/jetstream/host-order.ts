/**
 * Puts what a host's durable consumer delivers back into order. Pure: no server, no clock.
 *
 * The server gives no order between new messages and unacknowledged ones that it delivers again: those come only after
 * `ack_wait`. So a restarted agent would see newer orders first, and acknowledging those (ack policy `all`) would
 * acknowledge what it never saw. Hence: whenever the consumer is opened, everything that the server counts as delivered
 * and not acknowledged must be known here, handed over or held back, before anything newer goes on:
 *
 *   open ──all of it is known──▶ passing ──connection or delivery lost──▶ open
 *     └──some is missing──▶ holding ──the last missing one came again──▶ passing
 *
 * The server's own state may go back too (it is written late, and a killed server has an older one): then it delivers
 * again what was handed over, which is passed over, and what was held back beyond its state, which is forgotten here.
 */
import { BrokerError, type LogMessage } from '../port.ts'

/** What the server says of the consumer when it is opened. */
export type ConsumerState = {
  /** When it was made: another one is another consumer. */
  created: string
  /** Everything up to this sequence is acknowledged. */
  ackFloor: number
  /** Everything of ours up to this sequence was delivered at least once. */
  delivered: number
  /** How many of ours lie between the two. */
  pending: number
}

const nothing: readonly LogMessage[] = []

export class HostOrder {
  readonly #recentMax: number
  #created = ''
  #handedOver: { sequence: number; timeMs: number } = { sequence: 0, timeMs: 0 }
  /** The newest sequences handed over, ascending. */
  #recent: number[] = []
  readonly #held = new Map<number, LogMessage>()
  /** Which of the pending ones are known here; null when nothing is missing. */
  #known: Set<number> | null = null
  #state: ConsumerState = { created: '', ackFloor: 0, delivered: 0, pending: 0 }

  /** `recentMax`: as many as can be pending at the server. */
  constructor(recentMax: number) {
    this.#recentMax = recentMax
  }

  /** The newest sequence handed over; 0: none yet. */
  get handedOver(): number {
    return this.#handedOver.sequence
  }

  /** True while newer messages are held back. */
  get holding(): boolean {
    return this.#known !== null
  }

  /** Begins anew from what the server says; hands back what may go on at once. */
  open(state: ConsumerState): readonly LogMessage[] {
    if (state.created !== this.#created) this.#held.clear()
    this.#created = state.created
    this.#state = state
    for (const sequence of this.#held.keys()) if (sequence > state.delivered) this.#held.delete(sequence)
    this.#known = new Set([...this.#recent, ...this.#held.keys()].filter((sequence) => this.#isPending(sequence)))
    return this.#release()
  }

  /**
   * Takes a delivery; hands back what may go on, in order. Empty for what is held back or was handed over before.
   * @throws BrokerError 'gap' when the log went back: an old sequence with a new time.
   */
  arrive(message: LogMessage): readonly LogMessage[] {
    const { sequence, timeMs } = message
    if (sequence <= this.#handedOver.sequence) {
      if (timeMs > this.#handedOver.timeMs)
        throw new BrokerError('gap', `${sequence} came, newer than ${this.#handedOver.sequence}: the log went back.`)
      if (this.#isPending(sequence)) this.#known?.add(sequence)
      return this.#release()
    }
    if (this.#known === null) return this.#handOver([message])
    this.#held.set(sequence, message)
    if (this.#isPending(sequence)) this.#known.add(sequence)
    return this.#release()
  }

  #isPending(sequence: number): boolean {
    return sequence > this.#state.ackFloor && sequence <= this.#state.delivered
  }

  #release(): readonly LogMessage[] {
    if (this.#known === null || this.#known.size < this.#state.pending) return nothing
    this.#known = null
    const messages = [...this.#held.values()].sort((a, b) => a.sequence - b.sequence)
    this.#held.clear()
    return this.#handOver(messages)
  }

  #handOver(messages: readonly LogMessage[]): readonly LogMessage[] {
    for (const message of messages) {
      this.#handedOver = { sequence: message.sequence, timeMs: message.timeMs }
      this.#recent.push(message.sequence)
    }
    if (this.#recent.length > 2 * this.#recentMax) this.#recent = this.#recent.slice(-this.#recentMax)
    return messages
  }
}
