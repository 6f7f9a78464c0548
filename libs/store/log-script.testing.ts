/** For tests: a log written in a few words, as the messages that the broker would deliver. */
import { type Commit, type Event, encodeCommit, subjectsOf } from '#schemas'
import type { StoredMessage } from './leaf.ts'

export const subjects = subjectsOf('mr')
export const startMs = 1_795_000_000_000

/** Writes messages with contiguous sequences, one ms apart. */
export class LogScript {
  readonly messages: StoredMessage[] = []
  epoch: number | undefined

  get last(): number {
    return this.messages.length
  }

  put(subject: string, events: Event[], more: Partial<Commit> = {}): this {
    const sequence = this.last + 1
    const commit = { v: 1 as const, id: `m${sequence}`, source: 'test/1', time: startMs, ...more, events }
    return this.raw(subject, encodeCommit(commit), commit.id)
  }

  raw(subject: string, bytes: Uint8Array, id = ''): this {
    const sequence = this.last + 1
    this.messages.push({ subject, sequence, timeMs: startMs + sequence, id, bytes })
    return this
  }

  lead(leader = 's1'): this {
    this.put(subjects.leaderClaimed, [{ type: 'leader-claimed', leader }])
    this.epoch = this.last
    return this
  }

  join(host: string, more: Partial<Extract<Event, { type: 'joined' }>> = {}): this {
    return this.facts(host, {
      type: 'joined',
      bootId: 'boot-1',
      incarnation: 'i1',
      capacity: { cpuMilli: 4_000, memoryBytes: 1_000_000, custom: {} },
      labels: { zone: 'a' },
      tools: {},
      containment: 'process-group',
      version: '0.1.0',
      agentPid: 11,
      supervisorPid: 12,
      inventory: [],
      ...more,
    })
  }

  submit(job: string, spec: Record<string, unknown> = {}, more: Partial<Commit> = {}): this {
    const event = { type: 'submitted', job, spec: { command: ['true'], ...spec } } as Event
    return this.put(subjects.job(job, 'submitted'), [event], more)
  }

  ask(event: Extract<Event, { type: 'cancel-requested' | 'retry-requested' }>): this {
    return this.put(subjects.job(event.job, event.type), [event])
  }

  order(host: string, ...events: Event[]): this {
    return this.put(subjects.orders(host), events, this.#led())
  }

  assign(host: string, job: string, attempt = 1): this {
    const reason = { code: 'first-fit' }
    return this.order(host, { type: 'assigned', job, attempt, spec: { command: ['true'] }, reason })
  }

  facts(host: string, ...events: Event[]): this {
    return this.put(subjects.facts(host), events)
  }

  claim(host: string, job: string, attempt = 1): this {
    return this.facts(host, { type: 'claimed', job, attempt })
  }

  start(host: string, job: string, attempt = 1): this {
    return this.facts(host, { type: 'started', job, attempt, pid: 4711, at: startMs })
  }

  exit(host: string, job: string, attempt = 1, more: Partial<Extract<Event, { type: 'exited' }>> = {}): this {
    const usage = { wallMs: 120, cpuMs: 95 }
    const at = startMs + 120
    const event = {
      type: 'exited' as const,
      job,
      attempt,
      cause: 'exit' as const,
      exitCode: 0,
      signal: null,
      at,
      usage,
    }
    return this.facts(host, { ...event, ...more })
  }

  decide(...events: Event[]): this {
    return this.put(subjects.decisions, events, this.#led())
  }

  finish(job: string, attempt = 1, state: 'succeeded' | 'failed' = 'succeeded'): this {
    return this.decide({ type: 'finished', job, attempt, state, reason: { code: 'exit-zero' } })
  }

  #led(): Partial<Commit> {
    const plan = { input: 1, now: startMs + this.last, policy: 'first-fit-1', pass: 1 }
    return this.epoch === undefined ? {} : { epoch: this.epoch, plan }
  }
}
