/**
 * The read model and the scheduler fold the same log: on random ones, mostly sensible and partly not, they must agree
 * about every live job, every attempt, every host and what it reserves, after each message.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Cluster, evolve, newCluster } from '#domain'
import {
  decodeMessage,
  type Event,
  encodeCommit,
  eventDefinitions,
  isTerminalState,
  positionOf,
  subjectsOf,
} from '#schemas'
import { isLive, newCellRow, project, RowCache, type RowSource } from '#store'

const subjects = subjectsOf('mr')
const jobs = ['a', 'b', 'c']
const hosts = ['h1', 'h2']
const nothingStored: RowSource = { job: () => null, attempt: () => null, hosts: () => [] }

type Message = { subject: string; epoch?: number; now?: number; event: Event; garbage?: boolean }

/** A stream of choices: what fast-check generates and shrinks. */
class Choices {
  readonly #numbers: readonly number[]
  #at = 0
  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }
  get left(): boolean {
    return this.#at < this.#numbers.length
  }
  below(limit: number): number {
    return (this.#numbers[this.#at++] ?? 0) % limit
  }
  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}

const types = Object.keys(eventDefinitions) as Event['type'][]
const sensible: Event['type'][] = ['submitted', 'joined', 'assigned', 'claimed', 'started', 'exited', 'finished']
const usual: Event['type'][] = [...sensible, ...sensible, 'retrying', 'lost', 'revoked', 'stop-ordered', 'refused']

const nextMessage = (choices: Choices, cluster: Cluster, timeMs: number): Message => {
  const pending = [...cluster.rejections.values()][0]
  const wanted = choices.below(3) > 0 ? choices.of(usual) : choices.of(types)
  // A leader answers only submissions that are there to be answered.
  const type = wanted === 'rejected' && !pending ? 'retry-requested' : wanted
  const id = choices.of(jobs)
  const job = cluster.jobs.get(id)
  const odd = choices.below(6) === 0
  const known = job && 'attempt' in job.state ? job.state.attempt : undefined
  const host = odd || !known ? choices.of(hosts) : known.host
  const attempt = odd ? 1 + choices.below(3) : type === 'assigned' ? (job?.attempts ?? 0) + 1 : (known?.n ?? 1)
  const example = eventDefinitions[type].example
  const event = {
    ...example,
    ...('job' in example ? { job: type === 'rejected' ? pending!.job : id } : {}),
    ...('attempt' in example ? { attempt } : {}),
    ...(type === 'submitted' ? { spec: { command: [choices.of(['true', 'true', 'false'])], cpus: 2 } } : {}),
    ...(type === 'rejected' ? { submission: pending!.submission } : {}),
    ...(type === 'retrying' ? { dueAt: timeMs + choices.of([0, 0, 5, 50]) } : {}),
    ...(type === 'cancelled' && known === undefined ? { attempt: undefined } : {}),
    ...(type === 'refused' ? { reason: { code: choices.of(['host-queue-wait', 'host-refused']) } } : {}),
    ...(type === 'joined' ? { bootId: choices.of(['x', 'y']) } : {}),
  } as unknown as Event
  const { writer } = eventDefinitions[type]
  const subject = {
    client: subjects.job(id, type),
    decision: subjects.decisions,
    order: subjects.orders(host),
    fact: subjects.facts(host),
    control: subjects.leaderClaimed,
  }[writer]
  const decided = writer === 'decision' || writer === 'order'
  const current = cluster.leader?.epoch
  const epoch = !decided ? undefined : choices.below(8) === 0 ? 1 + choices.below(9) : current
  return {
    subject,
    ...(epoch === undefined ? {} : { epoch }),
    ...(decided && epoch !== undefined ? { now: timeMs } : {}),
    event,
    garbage: type === 'submitted' && choices.below(5) === 0,
  }
}

const bytesOf = ({ event, epoch, now, garbage }: Message, sequence: number): Uint8Array => {
  if (garbage) return Buffer.from('{"v":1,"id":"x"}')
  const plan = { input: 0, now: now ?? 0, policy: 'first-fit-1', pass: 1 }
  const decided = epoch === undefined ? {} : { epoch, plan }
  return encodeCommit({ v: 1, id: `m${sequence}`, source: 'test', time: 0, ...decided, events: [event] })
}

const compare = (cluster: Cluster, rows: RowCache): void => {
  expect(rows.cell.epoch).toBe(cluster.leader?.epoch ?? null)
  expect(rows.cell.fenced).toBe(cluster.counts.fenced)
  expect(rows.cell.malformed).toBe(cluster.counts.malformed)
  for (const id of jobs) {
    const job = cluster.jobs.get(id)
    const row = rows.job(id)
    if (!job) {
      expect(row?.state != null && isTerminalState(row.state), `${id} ended: ${row?.state}`).toBe(
        cluster.finished.has(id),
      )
      continue
    }
    expect(row, id).toMatchObject({ submission: job.submission, attempts: job.attempts, refusals: job.refusals })
    expect(row!.cancelAsked).toBe(job.cancel !== null)
    const { state } = job
    const attempt = 'attempt' in state ? state.attempt : null
    expect(row!.attempt, `${id}'s attempt`).toBe(attempt?.n ?? null)
    if (attempt) {
      const shown = rows.attempt(row!, attempt.n)!
      expect(isLive(shown.state), `${id}.${attempt.n} ${shown.state}`).toBe(state.kind !== 'ended')
      expect(shown).toMatchObject({ host: attempt.host, fence: attempt.fence, epoch: attempt.epoch })
    }
    if (state.kind === 'queued') {
      // A back-off that is over is shown until the next attempt, as nothing is written when time passes.
      const over = row!.state === 'retrying' && row!.dueMs! <= rows.cell.nowMs
      expect(over ? 'queued' : row!.state).toBe('queued')
    } else if (state.kind !== 'ended') expect(row!.state).toBe(state.kind)
    else expect(isTerminalState(row!.state!)).toBe(false)
  }
  for (const id of hosts) {
    const host = cluster.hosts.get(id)
    expect(rows.host(id)?.state).toBe(host?.state)
    let held = 0
    for (const job of jobs) {
      const row = rows.job(job)
      const attempt = row && row.attempt !== null ? rows.attempt(row, row.attempt) : null
      if (row && attempt?.host === id && isLive(attempt.state)) held += row.cpuMilli
    }
    expect(held, `reserved on ${id}`).toBe(host?.reserved.cpuMilli ?? 0)
  }
}

it('agrees with the scheduler’s fold after each message of any log', () => {
  let ended = 0
  fc.assert(
    fc.property(fc.array(fc.nat(5039), { minLength: 500, maxLength: 3000, size: 'max' }), (numbers) => {
      const choices = new Choices(numbers)
      const cluster = newCluster()
      const rows = new RowCache(nothingStored, newCellRow('mr'))
      let timeMs = 1_000
      for (let sequence = 1; choices.left; sequence++) {
        timeMs += choices.of([0, 1, 10, -3])
        const message = nextMessage(choices, cluster, timeMs)
        const subject = subjects.parse(message.subject)!
        const incoming = () => ({
          subject,
          sequence,
          timeMs,
          decoded: decodeMessage(subject, bytesOf(message, sequence)),
        })
        evolve(cluster, incoming())
        project(rows, incoming())
        expect(rows.cell.sequence).toBe(Math.floor(cluster.position / positionOf(1, 0)))
        compare(cluster, rows)
      }
      ended += cluster.finished.size
    }),
    { numRuns: 100 },
  )
  expect(ended).toBeGreaterThan(100)
})
