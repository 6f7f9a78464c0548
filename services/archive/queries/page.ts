/**
 * A list in an answer, kept below what one NATS message may hold. And a long answer must not stop the ingest: it gives
 * way every few milliseconds.
 */
import type { Clock } from '#runtime'

/** The server's limit is 1 MiB; a single job with the largest spec there is and this must fit together. */
export const answerBytesMax = 512 * 1024

export class Page {
  readonly #limit: number
  readonly #items: string[] = []
  #bytes = 0

  /** At most `limit` items. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** False when the item did not fit: the page is full. The first one always fits. */
  add(item: unknown): boolean {
    if (this.isFull) return false
    const json = JSON.stringify(item)
    const bytes = Buffer.byteLength(json) + 1
    if (this.#items.length > 0 && this.#bytes + bytes > answerBytesMax) return false
    this.#bytes += bytes
    this.#items.push(json)
    return true
  }

  get isFull(): boolean {
    return this.#items.length >= this.#limit
  }

  /** A JSON object with the items under `name`, and the rest. */
  toJson(name: string, rest: Record<string, unknown>): string {
    return `{${JSON.stringify(name)}:[${this.#items.join(',')}],${JSON.stringify(rest).slice(1)}`
  }
}

const turnMs = 8

/** Gives way to other work when the present turn has lasted long enough. */
export class Turns {
  readonly #clock: Clock
  readonly #beganMs: number
  #turnMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#beganMs = clock.monotonicMs()
    this.#turnMs = this.#beganMs
  }

  /** Since the work began. */
  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#beganMs
  }

  async giveWay(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#turnMs < turnMs) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#turnMs = this.#clock.monotonicMs()
  }
}
