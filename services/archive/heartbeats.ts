/**
 * When each host was heard last. The side stream carries no broker time, so it is the archive's clock at arrival; for
 * the value that was there before the archive looked, it is what the host's own clock said. For display only.
 */
import type { Beats, Follow } from '#eventlog'
import type { Clock } from '#runtime'
import type { Subjects } from '#schemas'

/** Anybody may publish a beat of any name: more names than this are not remembered. */
const hostsMax = 50_000

export class Heartbeats {
  readonly #lastMs = new Map<string, number>()
  readonly #subjects: Subjects
  readonly #clock: Clock
  #follow: Follow | null = null

  constructor(subjects: Subjects, clock: Clock) {
    this.#subjects = subjects
    this.#clock = clock
  }

  watch(beats: Beats, onError: (error: unknown) => void): void {
    this.#follow = beats.watch(this.#subjects.beats, (subject, bytes) => this.#heard(subject, bytes))
    this.#follow.closed.catch(onError)
  }

  lastMs(host: string): number | null {
    return this.#lastMs.get(host) ?? null
  }

  async stop(): Promise<void> {
    await this.#follow?.stop()
  }

  #heard(subject: string, bytes: Uint8Array): void {
    const host = this.#subjects.hostOfBeat(subject)
    if (host === null) return
    const nowMs = this.#clock.wallMs()
    const known = this.#lastMs.has(host)
    if (!known && this.#lastMs.size >= hostsMax) return
    this.#lastMs.set(host, known ? nowMs : Math.min(nowMs, saidAtMs(bytes) ?? nowMs))
  }
}

const saidAtMs = (bytes: Uint8Array): number | null => {
  try {
    const { at } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { at?: unknown }
    return typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 ? at : null
  } catch {
    return null
  }
}
