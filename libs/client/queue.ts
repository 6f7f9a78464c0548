/** A bridge from callbacks to `for await`: what is pushed comes out in order; the reader ends or fails with it. */

export class Queue<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  #wake: (() => void) | null = null
  #end: { error?: unknown } | null = null

  get length(): number {
    return this.#items.length
  }

  push(item: T): void {
    if (this.#end) return
    this.#items.push(item)
    this.#wake?.()
  }

  /** What was pushed before still comes out. */
  end(): void {
    this.#end ??= {}
    this.#wake?.()
  }

  /** What was pushed before still comes out, then the error is thrown. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  clear(): void {
    this.#items.length = 0
  }

  /** Takes the next item if there is one. */
  poll(): T | undefined {
    return this.#items.shift()
  }

  /** Resolves when there is an item, the end, or `limitMs` is over. */
  async ready(limitMs?: number): Promise<void> {
    if (this.#items.length > 0 || this.#end) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (limitMs !== undefined) timer = setTimeout(resolve, limitMs)
    })
    clearTimeout(timer)
    this.#wake = null
  }

  get ended(): boolean {
    return this.#end !== null && this.#items.length === 0
  }

  /** Throws what `fail` was given, once everything before it has come out. */
  throwIfFailed(): void {
    if (this.ended && this.#end && 'error' in this.#end) throw this.#end.error
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      await this.ready()
      while (this.#items.length > 0) yield this.#items.shift()!
      if (this.ended) {
        this.throwIfFailed()
        return
      }
    }
  }
}
