/**
 * A binary heap that knows where each item stands: push, remove by item and peek cost O(log n) or less, and the
 * items can be walked in order without taking them out. The order must be total (no ties), else folds could differ.
 */
export class IndexedHeap<T> {
  readonly #items: T[] = []
  readonly #places = new Map<T, number>()
  readonly #before: (a: T, b: T) => boolean

  /** `before(a, b)`: whether a comes out ahead of b. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  has(item: T): boolean {
    return this.#places.has(item)
  }

  /** Adds an item; does nothing when it is in already. */
  push(item: T): void {
    if (this.#places.has(item)) return
    this.#items.push(item)
    this.#up(this.#items.length - 1, item)
  }

  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Takes an item out, wherever it stands; false when it is not in. */
  remove(item: T): boolean {
    const place = this.#places.get(item)
    if (place === undefined) return false
    this.#places.delete(item)
    const last = this.#items.pop()!
    if (place < this.#items.length) {
      this.#up(place, last)
      this.#down(this.#places.get(last)!, last)
    }
    return true
  }

  /** Walks the items in order without changing the heap: k items cost O(k log k). The heap must not change meanwhile. */
  *inOrder(): Generator<T, void, undefined> {
    if (this.#items.length === 0) return
    const frontier = new IndexedHeap<number>((a, b) => this.#before(this.#items[a]!, this.#items[b]!))
    frontier.push(0)
    for (let index = frontier.pop(); index !== undefined; index = frontier.pop()) {
      yield this.#items[index]!
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < this.#items.length) frontier.push(child)
    }
  }

  #up(from: number, item: T): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!this.#before(item, this.#items[parent]!)) break
      this.#set(place, this.#items[parent]!)
      place = parent
    }
    this.#set(place, item)
  }

  #down(from: number, item: T): void {
    let place = from
    for (;;) {
      let child = 2 * place + 1
      if (child >= this.#items.length) break
      if (child + 1 < this.#items.length && this.#before(this.#items[child + 1]!, this.#items[child]!)) child++
      if (!this.#before(this.#items[child]!, item)) break
      this.#set(place, this.#items[child]!)
      place = child
    }
    this.#set(place, item)
  }

  #set(place: number, item: T): void {
    this.#items[place] = item
    this.#places.set(item, place)
  }
}
