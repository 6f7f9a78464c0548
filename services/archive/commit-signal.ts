/** Lets a question wait until the archive reflects a sequence. Bounded in time by the asker and in number by itself. */
type Waiter = { sequence: number; settle: (reached: boolean) => void }

const waitersMax = 10_000

export class CommitSignal {
  #sequence: number
  readonly #waiters = new Set<Waiter>()

  constructor(sequence: number) {
    this.#sequence = sequence
  }

  /** Called after each commit. */
  reach(sequence: number): void {
    this.#sequence = sequence
    for (const waiter of this.#waiters) if (waiter.sequence <= sequence) waiter.settle(true)
  }

  /** True once the sequence is reflected, false after the time (at once, when too many wait). */
  reached(sequence: number, timeoutMs: number): Promise<boolean> {
    if (sequence <= this.#sequence) return Promise.resolve(true)
    if (this.#waiters.size >= waitersMax) return Promise.resolve(false)
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.settle(false), timeoutMs)
      const waiter: Waiter = {
        sequence,
        settle: (reached) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          resolve(reached)
        },
      }
      this.#waiters.add(waiter)
    })
  }

  /** Sends everybody away. */
  close(): void {
    for (const waiter of this.#waiters) waiter.settle(false)
  }
}
