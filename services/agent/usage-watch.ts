/**
 * Watches what running attempts use, because nothing tells it afterwards: the peak of memory, and CPU time where no
 * cgroup counts it. Short attempts are never sampled.
 */
import { join } from 'node:path'
import { type AttemptEnd, sampleTree } from '#process'

const firstAfterMs = 250
const everyMs = 1_000
/** Attempts looked at in one round; more take turns. */
const perRoundMax = 200

type Watched = { pid: number; nextAtMs: number; memoryBytesMax: number; cpuMsMax: number }

export class UsageWatch {
  readonly #watched = new Map<string, Watched>()
  #cgroupRoot: string | null = null
  #timer: NodeJS.Timeout | null = null
  #sampling = false

  start(): void {
    this.#timer = setInterval(() => void this.#round(), firstAfterMs)
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  setCgroupRoot(root: string | null): void {
    this.#cgroupRoot = root
  }

  started(attemptId: string, pid: number): void {
    if (this.#watched.has(attemptId)) return
    this.#watched.set(attemptId, { pid, nextAtMs: performance.now() + firstAfterMs, memoryBytesMax: 0, cpuMsMax: 0 })
  }

  /** The end with what was seen of it; the attempt is no longer watched. */
  ended(end: AttemptEnd): AttemptEnd {
    const seen = this.#watched.get(end.attemptId)
    this.#watched.delete(end.attemptId)
    if (!seen || seen.memoryBytesMax === 0) return end
    const cpuMs = end.usage.cpuMs ?? Math.round(seen.cpuMsMax)
    return { ...end, usage: { ...end.usage, cpuMs, memoryBytesMax: seen.memoryBytesMax } }
  }

  async #round(): Promise<void> {
    if (this.#sampling) return
    this.#sampling = true
    try {
      const nowMs = performance.now()
      let looked = 0
      for (const [attemptId, watched] of this.#watched) {
        if (watched.nextAtMs > nowMs) continue
        if (++looked > perRoundMax || !this.#timer) break
        watched.nextAtMs = nowMs + everyMs
        const leaf = this.#cgroupRoot === null ? null : join(this.#cgroupRoot, attemptId)
        const usage = await sampleTree(watched.pid, leaf)
        watched.memoryBytesMax = Math.max(watched.memoryBytesMax, usage?.memoryBytes ?? 0)
        watched.cpuMsMax = Math.max(watched.cpuMsMax, usage?.cpuMs ?? 0)
      }
    } catch {
      // A sample is a courtesy; the next round tries again.
    } finally {
      this.#sampling = false
    }
  }
}
