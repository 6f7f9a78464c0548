/**
 * A brain with a small world around it, for given/when/then tests: a spool that keeps what it was given, a log that
 * gives sequences, and a list of what was done. Nothing happens by itself: each test says what comes next.
 */

import type { SupervisorAttempt, SupervisorReport } from '#process'
import { type Commit, decodeMessage, type FactEvent, type OrderEvent, subjectsOf } from '#schemas'
import { type Brain, fold, type Input, newBrain, type Output, type SpoolRecord, step } from '../brain/index.ts'

const subjects = subjectsOf('mr')
export const epoch = 3

export const identity = {
  bootId: 'boot-1',
  incarnation: 'life-1',
  capacity: { cpuMilli: 2000, memoryBytes: 100, custom: {} },
  labels: {},
  tools: {},
  containment: 'process-group',
  version: '0.1.0',
  agentPid: 10,
  supervisorPid: 11,
}

export const exit = (attemptId: string, exitCode = 0): SupervisorReport => ({
  kind: 'ended',
  end: {
    attemptId,
    cause: 'exit',
    exitCode,
    signal: null,
    pid: 99,
    startedAtMs: 1,
    endedAtMs: 2,
    usage: { wallMs: 1 },
    stdoutBytes: 3,
    stderrBytes: 0,
    stdoutTail: 'YWJj',
    stderrTail: '',
  },
})
export const start = (attemptId: string): SupervisorReport => ({ kind: 'started', attemptId, pid: 99, atMs: 1 })

export const assigned = (job: string, attempt = 1, spec: unknown = { command: ['true'] }): OrderEvent => ({
  type: 'assigned',
  job,
  attempt,
  spec,
  reason: { code: 'first-fit' },
})
export const revoked = (job: string, attempt = 1): OrderEvent => ({
  type: 'revoked',
  job,
  attempt,
  reason: { code: 'cancelled' },
})
export const stopOrdered = (job: string, graceMs = 500, attempt = 1): OrderEvent => ({
  type: 'stop-ordered',
  job,
  attempt,
  graceMs,
  reason: { code: 'cancelled' },
})

export class World {
  brain: Brain
  /** Records that are on disk. */
  readonly disk: SpoolRecord[] = []
  /** Outputs since the last look, in order. */
  #done: Output[] = []
  readonly #spooling: { batch: number; records: readonly SpoolRecord[] }[] = []
  readonly published: { id: string; events: readonly FactEvent[]; bytes: Uint8Array }[] = []
  sequence = 100

  constructor(records: readonly SpoolRecord[] = [], incarnation = 'life-1') {
    this.brain = newBrain('h1', incarnation)
    for (const record of records) {
      fold(this.brain, record)
      this.disk.push(record)
    }
  }

  /** An agent that has joined and knows the leader. */
  static joined(): World {
    const world = new World()
    world.begin()
    world.flush()
    world.published.splice(0)
    world.give({ kind: 'published', id: 'h1/life-1/1/joined', sequence: 1 })
    world.give({ kind: 'leader', sequence: epoch })
    world.flush()
    world.did()
    return world
  }

  begin(attempts: readonly SupervisorAttempt[] = [], more: Partial<typeof identity> = {}): void {
    const { incarnation } = this.brain
    this.give({ kind: 'begin', identity: { ...identity, incarnation, ...more }, logCreatedMs: 7, attempts })
  }

  /** One turn. */
  give(...inputs: Input[]): void {
    for (const output of step(this.brain, inputs, 1000)) {
      this.#done.push(output)
      if (output.kind === 'spool') this.#spooling.push(output)
      if (output.kind === 'publish') this.published.push({ ...output, events: eventsOf(output.bytes) })
    }
  }

  /** The disk has what it was given. */
  flush(): void {
    for (let next = this.#spooling.shift(); next; next = this.#spooling.shift()) {
      this.disk.push(...next.records)
      this.give({ kind: 'spooled', batch: next.batch })
    }
  }

  /** Orders come from the log. */
  order(...events: OrderEvent[]): number {
    return this.orderOf(epoch, ...events)
  }

  orderOf(inEpoch: number, ...events: OrderEvent[]): number {
    const commit = { v: 1, id: `o${++this.sequence}`, source: 's', time: 0, epoch: inEpoch, events } as Commit
    this.give({ kind: 'log', messages: [{ sequence: this.sequence, message: { kind: 'orders', commit } }] })
    return this.sequence
  }

  /** The last published commit is acknowledged. */
  ack(): void {
    const { id } = this.published.at(-1)!
    this.give({ kind: 'published', id, sequence: ++this.sequence })
  }

  /** It comes back in the log. */
  echo(id = this.published.at(-1)!.id): void {
    this.give({ kind: 'log', messages: [{ sequence: ++this.sequence, message: { kind: 'echo', id } }] })
  }

  /** The whole way of what waits to be said: disk, acknowledgement, echo, disk. */
  settle(): void {
    this.flush()
    this.ack()
    this.echo()
    this.flush()
  }

  /** What was done since the last look, in short. */
  did(): string[] {
    const done = this.#done.flatMap(shortOf)
    this.#done = []
    return done
  }

  /** A new agent on what is on disk. */
  crash(incarnation = 'life-2'): World {
    const next = new World(this.disk, incarnation)
    next.sequence = this.sequence
    return next
  }
}

const eventsOf = (bytes: Uint8Array): readonly FactEvent[] => {
  const decoded = decodeMessage(subjects.parse(subjects.facts('h1'))!, bytes)
  if (decoded.kind !== 'commit') throw new Error(`It published something malformed: ${JSON.stringify(decoded)}`)
  return decoded.commit.events as readonly FactEvent[]
}

const nameOf = (event: FactEvent): string =>
  'job' in event ? `${event.type} ${event.job}.${event.attempt}` : event.type

const shortOf = (output: Output): string[] => {
  switch (output.kind) {
    case 'spool':
      return []
    case 'publish':
      return [`publish ${eventsOf(output.bytes).map(nameOf).join(', ')}`]
    case 'acknowledge':
      return [`acknowledge ${output.sequence}`]
    case 'start':
      return output.orders.map(({ id }) => `start ${id}`)
    case 'stop':
      return [`stop ${output.id} ${output.graceMs}`]
    case 'forget':
      return [`forget ${output.ids.join(' ')}`]
    case 'notice':
      return [`notice ${output.notice.id}`]
    case 'joined':
      return ['joined']
    case 'say':
      return [`say ${output.text}`]
  }
}
