/**
 * A cell in memory for given/when/then tests of the pure core: a log that a test writes by hand, folded through the
 * real encoding, and a leader that decides as the scheduler does. No I/O, no clock: time is a number.
 */
import { evolve, isEmptyPlan, newCluster, type Plan, plan, policy, restoreCluster, snapshotOf } from '#domain'
import {
  type Commit,
  type DecisionEvent,
  decodeMessage,
  type Event,
  type Exited,
  encodeCommit,
  type JobSpec,
  type OrderEvent,
  positionOf,
  subjectsOf,
} from '#schemas'

const subjects = subjectsOf('mr')
type Recorded = { subject: string; bytes: Uint8Array; sequence: number; timeMs: number }
type Body<T> = T extends unknown ? Omit<T, 'type' | 'job' | 'attempt'> : never

export class TestCell {
  cluster = newCluster()
  readonly log: Recorded[] = []
  nowMs = 1_000_000
  pass = 0
  readonly silentMs = new Map<string, number>()

  /** Appends raw bytes to a subject and folds them. Returns the sequence. */
  raw(subject: string, bytes: Uint8Array | string): number {
    const sequence = this.log.length + 1
    const message = {
      subject,
      bytes: typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes,
      sequence,
      timeMs: this.nowMs,
    }
    this.log.push(message)
    fold(this.cluster, message)
    return sequence
  }

  commit(subject: string, events: readonly Event[], extra: Partial<Commit> = {}): number {
    return this.raw(
      subject,
      encodeCommit({ v: 1, id: `test/${this.log.length}`, source: 'test', time: this.nowMs, events, ...extra }),
    )
  }

  submit(job: string, spec: Partial<JobSpec> = {}): number {
    return this.commit(subjects.job(job, 'submitted'), [
      { type: 'submitted', job, spec: { command: ['true'], ...spec } },
    ])
  }

  cancel(job: string, options: { reason?: string; force?: boolean } = {}): void {
    this.commit(subjects.job(job, 'cancel-requested'), [{ type: 'cancel-requested', job, ...options }])
  }

  lead(leader = 'scheduler-a'): number {
    return this.commit(subjects.leaderClaimed, [{ type: 'leader-claimed', leader }])
  }

  join(
    host: string,
    cpus = 1,
    more: { bootId?: string; inventory?: { job: string; attempt: number }[]; memoryBytes?: number } = {},
  ): void {
    const capacity = { cpuMilli: cpus * 1000, memoryBytes: more.memoryBytes ?? 2 ** 30, custom: {} }
    const { bootId = 'boot-1', inventory = [] } = more
    const said = {
      incarnation: `life-${this.log.length}`,
      capacity,
      labels: {},
      tools: {},
      containment: 'process-group',
      version: '0.1.0',
    }
    this.fact(host, { type: 'joined', bootId, inventory, agentPid: 1, supervisorPid: 2, ...said })
  }

  fact(host: string, ...events: Event[]): void {
    this.commit(subjects.facts(host), events)
  }

  claimed(host: string, job: string, attempt = 1): void {
    this.fact(host, { type: 'claimed', job, attempt })
  }

  started(host: string, job: string, attempt = 1): void {
    this.fact(host, { type: 'claimed', job, attempt }, { type: 'started', job, attempt, pid: 100, at: 0 })
  }

  exited(host: string, job: string, end: Partial<Body<Exited>> = {}, attempt = 1): void {
    this.fact(host, {
      type: 'exited',
      job,
      attempt,
      cause: 'exit',
      exitCode: 0,
      signal: null,
      at: 0,
      usage: { wallMs: 1000 },
      ...end,
    })
  }

  /** What the leader would decide now. */
  plan(): Plan {
    return plan(this.cluster, { nowMs: this.nowMs, silentMs: this.silentMs })
  }

  /** Decides and writes it to the log, as the scheduler does; returns the plan. */
  decide(epoch = this.cluster.leader?.epoch ?? 0): Plan {
    const made = this.plan()
    if (isEmptyPlan(made)) return made
    const header = { epoch, plan: { input: made.input, now: made.nowMs, policy, pass: this.pass++ } }
    if (made.decisions.length > 0) this.commit(subjects.decisions, made.decisions, header)
    for (const [host, orders] of made.orders) this.commit(subjects.orders(host), orders, header)
    return made
  }

  order(host: string, events: OrderEvent[], epoch = this.cluster.leader?.epoch ?? 0): void {
    this.commit(subjects.orders(host), events, { epoch })
  }

  state(job: string): string {
    const found = this.cluster.jobs.get(job)
    return found ? found.state.kind : this.cluster.finished.has(job) ? 'gone' : 'unknown'
  }

  /** A fold of the same log from nothing. */
  replayed(): ReturnType<typeof newCluster> {
    const cluster = newCluster()
    for (const message of this.log) fold(cluster, message)
    return cluster
  }

  /** The cluster as it would be after a restart from a snapshot taken now. */
  restored(): ReturnType<typeof newCluster> {
    return restoreCluster(JSON.parse(JSON.stringify(snapshotOf(this.cluster))))
  }
}

const fold = (cluster: ReturnType<typeof newCluster>, { subject, bytes, sequence, timeMs }: Recorded): void => {
  const parsed = subjects.parse(subject)
  const decoded = parsed
    ? decodeMessage(parsed, bytes)
    : ({ kind: 'malformed', reason: 'schema', job: null, faults: [] } as const satisfies ReturnType<
        typeof decodeMessage
      >)
  evolve(cluster, { subject: parsed, sequence, timeMs, decoded })
}

/** The decisions of a plan as short texts: `finished a.1 succeeded exit-zero`. */
export const decisionsOf = (made: Plan): string[] => made.decisions.map(short)
/** The orders of a plan as short texts: `h1 assigned a.1 first-fit`. */
export const ordersOf = (made: Plan): string[] =>
  [...made.orders].flatMap(([host, orders]) => orders.map((order) => `${host} ${short(order)}`))

const short = (event: DecisionEvent | OrderEvent): string => {
  const job = 'job' in event ? ` ${event.job}` : ''
  const attempt = 'attempt' in event && event.attempt !== undefined ? `.${event.attempt}` : ''
  const state = 'state' in event ? ` ${event.state}` : ''
  return `${event.type}${job}${attempt}${state} ${event.reason.code}`
}

export { positionOf }
