/**
 * What this process has heard of hosts, by its own monotonic clock: how long each has been silent. Only the leader's
 * observation counts, and a new leader gives every host the full time again: it can't know what it has not heard.
 * Nothing of this enters the log; only what is decided from it does (`suspect`, `lost`, `returned`).
 */
export class Liveness {
  readonly #heardAtMs = new Map<string, number>()
  readonly #silentMs = new Map<string, number>()

  /** A heartbeat or a fact of this host arrived. */
  heard(host: string, atMs: number): void {
    this.#heardAtMs.set(host, atMs)
    // Kept up to date in place: a plan between two looks must not see a host as silent that was just heard.
    if (this.#silentMs.has(host)) this.#silentMs.set(host, 0)
  }

  /** A reign begins: every host counts as heard just now. */
  takeOver(hosts: Iterable<string>, atMs: number): void {
    this.#heardAtMs.clear()
    this.#silentMs.clear()
    for (const host of hosts) this.heard(host, atMs)
  }

  /** Host → ms since it was heard, as of the last `look`. The map is this object's own and changes. */
  get silentMs(): ReadonlyMap<string, number> {
    return this.#silentMs
  }

  /** Brings `silentMs` up to date; a host never heard of counts as heard now. Costs O(hosts): for a slow timer. */
  look(hosts: Iterable<string>, atMs: number): void {
    for (const host of hosts) {
      const heardAtMs = this.#heardAtMs.get(host)
      if (heardAtMs === undefined) this.#heardAtMs.set(host, atMs)
      this.#silentMs.set(host, Math.max(0, atMs - (heardAtMs ?? atMs)))
    }
  }
}
