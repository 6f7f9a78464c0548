/**
 * Time for decisions: the newest broker time, carried on by the local monotonic clock. The wall clock of this machine
 * never enters. It never goes backwards: when the broker's clock is set back, time stands still here until it has
 * caught up again, so that nothing falls due early.
 */
export class BrokerTime {
  #brokerMs = 0
  #seenAtMs = 0
  #lastMs = 0

  /** A message of LOG with this broker time arrived at this monotonic instant. */
  observe(brokerMs: number, atMs: number): void {
    this.#brokerMs = brokerMs
    this.#seenAtMs = atMs
  }

  /** Broker time, whole ms since 1970, at this monotonic instant. 0 before anything was observed. */
  now(atMs: number): number {
    if (this.#brokerMs === 0) return this.#lastMs
    const carried = Math.floor(this.#brokerMs + Math.max(0, atMs - this.#seenAtMs))
    if (carried > this.#lastMs) this.#lastMs = carried
    return this.#lastMs
  }
}
