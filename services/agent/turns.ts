/** Feeds the brain: everything that comes in during one turn of the event loop is one step. */
import { type Brain, type Input, isQuiet, type Output, step } from './brain/index.ts'

export class Turns {
  readonly brain: Brain
  readonly #perform: (output: Output) => void
  readonly #nowMs: () => number
  #inputs: Input[] = []
  #next: NodeJS.Immediate | null = null
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
    if (this.#begun && !this.#stopped) this.#next ??= setImmediate(() => this.#turn())
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
    if (this.#next) clearImmediate(this.#next)
  }

  #turn(): void {
    this.#next = null
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
