/**
 * The run queue of one host: first in, first out, and the first one starts as soon as its resources fit. Nobody
 * overtakes: what waits in front is short (the scheduler orders ahead only short jobs) or leaves after its queueWaitMs.
 * Pure: time comes in as a value.
 */
import type { Resources } from '#schemas'

export type Waiting = { attemptId: string; resources: Resources; queueWaitMs: number }

type Entry<T> = { item: T; giveUpAtMs: number }

export class RunQueue<T extends Waiting> {
  readonly #waiting = new Map<string, Entry<T>>()
  #capacity: Resources
  #cpuMilli = 0
  #memoryBytes = 0
  readonly #custom = new Map<string, number>()

  constructor(capacity: Resources) {
    this.#capacity = capacity
  }

  get waiting(): number {
    return this.#waiting.size
  }

  has(attemptId: string): boolean {
    return this.#waiting.has(attemptId)
  }

  ids(): string[] {
    return [...this.#waiting.keys()]
  }

  setCapacity(capacity: Resources): void {
    this.#capacity = capacity
  }

  push(item: T, nowMs: number): void {
    this.#waiting.set(item.attemptId, { item, giveUpAtMs: nowMs + item.queueWaitMs })
  }

  /** Takes an attempt out that has not started; null when it does not wait here. */
  remove(attemptId: string): T | null {
    const entry = this.#waiting.get(attemptId)
    this.#waiting.delete(attemptId)
    return entry?.item ?? null
  }

  /** The first in line, if its resources fit now; they are held from here until `release`. */
  take(): T | null {
    for (const { item } of this.#waiting.values()) {
      if (!this.#fits(item.resources)) return null
      this.#waiting.delete(item.attemptId)
      this.#hold(item.resources, 1)
      return item
    }
    return null
  }

  release(resources: Resources): void {
    this.#hold(resources, -1)
  }

  /** Takes out everything that has waited too long. */
  expire(nowMs: number): T[] {
    const expired: T[] = []
    for (const { item, giveUpAtMs } of this.#waiting.values()) {
      if (giveUpAtMs > nowMs) continue
      this.#waiting.delete(item.attemptId)
      expired.push(item)
    }
    return expired
  }

  /** When `expire` has something to do next; null when nothing waits. */
  nextExpiryMs(): number | null {
    let next: number | null = null
    for (const { giveUpAtMs } of this.#waiting.values()) if (next === null || giveUpAtMs < next) next = giveUpAtMs
    return next
  }

  #fits({ cpuMilli, memoryBytes, custom }: Resources): boolean {
    if (this.#cpuMilli + cpuMilli > this.#capacity.cpuMilli) return false
    if (this.#memoryBytes + memoryBytes > this.#capacity.memoryBytes) return false
    for (const name in custom) {
      if ((this.#custom.get(name) ?? 0) + custom[name]! > (this.#capacity.custom[name] ?? 0)) return false
    }
    return true
  }

  #hold({ cpuMilli, memoryBytes, custom }: Resources, factor: 1 | -1): void {
    this.#cpuMilli += factor * cpuMilli
    this.#memoryBytes += factor * memoryBytes
    for (const name in custom) this.#custom.set(name, (this.#custom.get(name) ?? 0) + factor * custom[name]!)
  }
}
