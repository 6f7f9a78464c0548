/**
 * Feeds the brain: everything that comes in together is one step. At once when the host is quiet; paced when it is busy,
 * because each turn with something to say costs a sync of the spool and a message that wakes every other process.
 */
import { type Brain, type Input, isQuiet, type Output, step } from './brain/index.ts'

/** A host that holds at least so many attempts is busy: what waits behind them hides the pace. */
const busyFrom = 12
/** Time between two turns of a busy host. Far less than the work that is ordered ahead (limits.orderAheadMs). */
const paceMs = 16

export class Turns {
  readonly brain: Brain
  readonly #perform: (output: Output) => void
  readonly #nowMs: () => number
  #inputs: Input[] = []
  #next: NodeJS.Timeout | 'now' | null = null
  #lastTurnMs = Number.NEGATIVE_INFINITY
  #begun = false
  #stopped = false
  readonly #waits = new Set<{ met: () => boolean; resolve: () => void }>()

  constructor(brain: Brain, perform: (output: Output) => void, nowMs: () => number) {
    this.brain = brain
    this.#perform = perform
    this.#nowMs = nowMs
  }

  /** What is posted before `begin` comes after it. */
  begin(input: Input & { kind: 'begin' }): void {
    this.#inputs.unshift(input)
    this.#begun = true
    this.#turn()
  }

  post(input: Input): void {
    this.#inputs.push(input)
    if (!this.#begun || this.#stopped || this.#next === 'now') return
    const waitMs = this.#isUrgent(input) ? 0 : this.#lastTurnMs + paceMs - performance.now()
    if (waitMs >= 1) this.#next ??= setTimeout(() => this.#turn(), waitMs)
    else this.#turnNow()
  }

  /** Resolves once the brain is in LOG with everything it has to say. */
  quiet(): Promise<void> {
    return this.until(() => this.#inputs.length === 0 && isQuiet(this.brain))
  }

  /** Resolves when this holds after a turn. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve()
    return new Promise((resolve) => this.#waits.add({ met, resolve }))
  }

  stop(): void {
    this.#stopped = true
    this.#unarm()
  }

  /** What is durable now may be published: that gathers nothing by waiting. */
  #isUrgent(input: Input): boolean {
    return this.brain.attempts.size < busyFrom || input.kind === 'spooled'
  }

  #turnNow(): void {
    this.#unarm()
    this.#next = 'now'
    setImmediate(() => {
      if (this.#next === 'now') this.#turn()
    })
  }

  #unarm(): void {
    if (this.#next !== 'now') clearTimeout(this.#next ?? undefined)
    this.#next = null
  }

  #turn(): void {
    this.#next = null
    this.#lastTurnMs = performance.now()
    const inputs = this.#inputs
    this.#inputs = []
    for (const output of step(this.brain, inputs, this.#nowMs())) this.#perform(output)
    for (const wait of this.#waits) {
      if (!wait.met()) continue
      this.#waits.delete(wait)
      wait.resolve()
    }
  }
}
