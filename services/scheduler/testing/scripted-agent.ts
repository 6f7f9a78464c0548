/**
 * An agent's protocol without its work, for tests: joins, beats, claims what is assigned, and answers each claimed
 * attempt as the test says. It keeps the rules of a real one (ignore orders of another epoch, spawn only after the own
 * claim came back without a revoke before it), so that what it "spawned" tells whether the log's promises were kept.
 */
import type { Broker, HostFollow, LogMessage } from '#eventlog'
import { attemptIdOf, decodeMessage, type Event, encodeCommit, type FactEvent, type Subjects } from '#schemas'

export type Outcome = { exitCode: number } | 'runs-on'

export type ScriptedAgentOptions = {
  broker: Broker
  subjects: Subjects
  host: string
  cpuMilli?: number
  /** What a spawned attempt comes to. Default: exit code 0 at once. */
  outcome?: (job: string, attempt: number) => Outcome
  beatMs?: number
}

const never = { wallMs: 1 }

export class ScriptedAgent {
  readonly options: ScriptedAgentOptions
  /** Attempt ids in order of their (pretended) spawns. */
  readonly spawned: string[] = []
  /** Orders that were ignored because their epoch was not the newest. */
  fenced = 0
  #epoch = 0
  #commits = 0
  #lastSequence = 0
  readonly #claimed = new Set<string>()
  readonly #revoked = new Set<string>()
  readonly #running = new Set<string>()
  readonly #life = Math.random().toString(36).slice(2, 10)
  #follow: HostFollow | null = null
  #beats: NodeJS.Timeout | null = null
  #stop = new AbortController()

  constructor(options: ScriptedAgentOptions) {
    this.options = options
  }

  /** Joins the cell; resolves when `joined` is in the log. */
  async start(): Promise<void> {
    const { broker, host, cpuMilli = 4_000, beatMs = 1_000 } = this.options
    this.#follow = broker.log.followHost({ host, onMessages: (messages) => this.#onMessages(messages) })
    this.#follow.closed.catch(() => {})
    this.#beat()
    this.#beats = setInterval(() => this.#beat(), beatMs)
    await this.#say([
      {
        type: 'joined',
        bootId: 'boot',
        incarnation: this.#life,
        capacity: { cpuMilli, memoryBytes: 2 ** 33, custom: {} },
        labels: {},
        tools: {},
        containment: 'none',
        version: '0.0.0',
        agentPid: process.pid,
        supervisorPid: null,
        inventory: [...this.#running].map((id) => {
          const dot = id.lastIndexOf('.')
          return { job: id.slice(0, dot), attempt: Number(id.slice(dot + 1)) }
        }),
      },
    ])
  }

  /** Ends an attempt that runs on. */
  async finish(job: string, attempt: number, exitCode: number): Promise<void> {
    await this.#say([exited(job, attempt, exitCode)])
  }

  /** Goes silent: neither beats nor answers. */
  async stop(): Promise<void> {
    this.#stop.abort()
    if (this.#beats) clearInterval(this.#beats)
    await this.#follow?.stop()
  }

  #beat(): void {
    const { broker, subjects, host } = this.options
    broker.beats.put(subjects.beat(host), new TextEncoder().encode(JSON.stringify({ host }))).catch(() => {})
  }

  #onMessages(messages: readonly LogMessage[]): void {
    const facts: FactEvent[] = []
    for (const message of messages) {
      // A durable consumer may deliver again what was acknowledged just before a crash of the broker.
      if (message.sequence <= this.#lastSequence) continue
      this.#lastSequence = message.sequence
      const subject = this.options.subjects.parse(message.subject)
      const decoded = subject && decodeMessage(subject, message.bytes)
      if (!subject || decoded?.kind !== 'commit') continue
      if (subject.kind === 'orders' && decoded.commit.epoch !== this.#epoch) {
        this.fenced++
        continue
      }
      for (const event of decoded.commit.events) this.#onEvent(event, message.sequence, facts)
    }
    const last = messages.at(-1)
    if (last) this.#follow?.acknowledge(last.sequence)
    if (facts.length > 0) void this.#say(facts).catch(() => {})
  }

  #onEvent(event: Event, sequence: number, facts: FactEvent[]): void {
    if (event.type === 'leader-claimed') this.#epoch = sequence
    if (!('attempt' in event) || event.attempt === undefined) return
    const { job, attempt } = event
    const id = attemptIdOf(job, attempt)
    if (event.type === 'assigned' && !this.#claimed.has(id)) {
      this.#claimed.add(id)
      facts.push({ type: 'claimed', job, attempt })
    }
    if (event.type === 'revoked') this.#revoked.add(id)
    if (event.type === 'claimed' && !this.#revoked.has(id)) {
      this.spawned.push(id)
      this.#running.add(id)
      facts.push({ type: 'started', job, attempt, pid: 4711, at: 0 })
      const outcome = this.options.outcome?.(job, attempt) ?? { exitCode: 0 }
      if (outcome !== 'runs-on') facts.push(exited(job, attempt, outcome.exitCode))
    }
    if (event.type === 'exited') this.#running.delete(id)
  }

  async #say(events: FactEvent[]): Promise<void> {
    const { broker, subjects, host } = this.options
    const id = `facts/${host}/${this.#life}/${++this.#commits}`
    const bytes = encodeCommit({ v: 1, id, source: `agent/${host}`, time: 0, events })
    await broker.log.append({ subject: subjects.facts(host), id, bytes }, this.#stop.signal)
  }
}

const exited = (job: string, attempt: number, exitCode: number): FactEvent => ({
  type: 'exited',
  job,
  attempt,
  cause: 'exit',
  exitCode,
  signal: null,
  at: 0,
  usage: never,
})
