/** A heartbeat every second, also while busy. Only the newest counts: one that is not acknowledged is never repeated. */
import type { Broker } from '#eventlog'
import { type BeatBody, timing } from '#schemas'

/** Unanswered ones at most; while the broker is away there is no use in more. */
const outMax = 2
const encoder = new TextEncoder()

export class Heartbeat {
  readonly #timer: NodeJS.Timeout
  #out = 0

  constructor(broker: Pick<Broker, 'beats'>, subject: string, body: () => BeatBody) {
    const beat = (): void => {
      if (this.#out >= outMax) return
      this.#out++
      broker.beats
        .put(subject, encoder.encode(JSON.stringify(body())))
        .catch(() => {})
        .finally(() => this.#out--)
    }
    beat()
    this.#timer = setInterval(beat, timing.heartbeatMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
