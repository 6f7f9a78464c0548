/**
 * Watches what running attempts use, because nothing tells it afterwards: the peak of memory, and CPU time where no
 * cgroup counts it. Short attempts are never sampled.
 */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
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

  /** The attempt's cgroup: the leaf of the supervisor's folder in which its first process is. Null when there is none. */
  #leafOf(pid: number): string | null {
    if (this.#cgroupRoot === null) return null
    try {
      const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? ''
      const above = `${basename(this.#cgroupRoot)}/`
      const at = path.indexOf(above)
      const [leaf] = at < 0 ? [''] : path.slice(at + above.length).split('/')
      return leaf ? join(this.#cgroupRoot, leaf) : null
    } catch {
      return null
    }
  }

  async #round(): Promise<void> {
    if (this.#sampling) return
    this.#sampling = true
    try {
      const nowMs = performance.now()
      let looked = 0
      for (const watched of this.#watched.values()) {
        if (watched.nextAtMs > nowMs) continue
        if (++looked > perRoundMax || !this.#timer) break
        watched.nextAtMs = nowMs + everyMs
        const usage = await sampleTree(watched.pid, this.#leafOf(watched.pid))
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
