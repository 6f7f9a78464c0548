import { describe, expect, it } from 'vitest'
import type { Plan } from '#domain'
import { type DecisionEvent, decodeMessage, limits, type OrderEvent, subjectsOf } from '#schemas'
import { commitsOf, type OutgoingCommit, splitEvents } from './commits.ts'

const subjects = subjectsOf('mr')
const of = { epoch: 17, pass: 3, source: 'scheduler/a', wallMs: 1_795_000_000_000, subjects }

const finished = (job: string): DecisionEvent => ({
  type: 'finished',
  job,
  attempt: 1,
  state: 'succeeded',
  reason: { code: 'exit-zero' },
})
const assigned = (job: string, stdin = ''): OrderEvent => ({
  type: 'assigned',
  job,
  attempt: 1,
  spec: { command: ['true'], stdin },
  reason: { code: 'first-fit' },
})
const done = (id: string): Plan['done'][number] => ({
  id,
  state: 'succeeded',
  reason: { code: 'exit-zero' },
  exitCode: 0,
  signal: null,
  cause: 'exit',
  attempt: 1,
  stdoutBytes: 0,
  stderrBytes: 0,
})
const planOf = (parts: Partial<Plan>): Plan => ({
  input: 4096,
  nowMs: 1_795_000_000_100,
  decisions: [],
  orders: new Map(),
  done: [],
  nextAtMs: null,
  ...parts,
})

const decoded = ({ subject, bytes }: OutgoingCommit) => decodeMessage(subjects.parse(subject)!, bytes)

describe('commitsOf', () => {
  it('makes one message of the decisions and one of each host’s orders, hosts sorted', () => {
    const plan = planOf({
      decisions: [finished('x'), finished('y')],
      orders: new Map([
        ['h2', [assigned('b')]],
        ['h1', [assigned('a')]],
      ]),
    })
    const { decisions, orders } = commitsOf(plan, of)
    expect([...decisions, ...orders].map(({ subject, id }) => [subject, id])).toEqual([
      ['mr.scheduler.decisions', 'plan/17/3/0'],
      ['mr.host.h1.orders', 'plan/17/3/1'],
      ['mr.host.h2.orders', 'plan/17/3/2'],
    ])
    expect(orders[0]!.commit).toMatchObject({
      epoch: 17,
      plan: { input: 4096, now: 1_795_000_000_100, policy: 'first-fit-1', pass: 3 },
    })
  })

  it('writes what readers take, and the echo decodes to the very commit', () => {
    const { decisions, orders } = commitsOf(
      planOf({ decisions: [finished('x')], orders: new Map([['h1', [assigned('a')]]]) }),
      of,
    )
    for (const commit of [...decisions, ...orders])
      expect(decoded(commit)).toEqual({ kind: 'commit', commit: commit.commit })
  })

  it('gives the same ids and bytes for the same plan', () => {
    const plan = planOf({ decisions: [finished('x')], orders: new Map([['h1', [assigned('a')]]]) })
    expect(commitsOf(plan, of)).toEqual(commitsOf(plan, of))
  })

  it('gives each notice to the commit that carries its decision, rejections too', () => {
    const jobs = Array.from({ length: limits.commitEventsMax + 10 }, (_, n) => `job-${n}`)
    const rejected: DecisionEvent = { type: 'rejected', job: 'bad', submission: 9, reason: { code: 'schema' } }
    const plan = planOf({
      decisions: [rejected, ...jobs.map(finished)],
      done: [done('bad'), ...jobs.map(done)],
    })
    const { decisions } = commitsOf(plan, of)
    expect(decisions.length).toBeGreaterThan(1)
    for (const { commit, done } of decisions)
      expect(done.map(({ id }) => id)).toEqual(commit.events.map((event) => (event as DecisionEvent).job))
  })

  it('makes nothing of an empty plan', () => {
    expect(commitsOf(planOf({}), of)).toEqual({ decisions: [], orders: [] })
  })

  it('splits large orders so that every part is below the limit, in order and without loss', () => {
    const events = Array.from({ length: 20 }, (_, n) => assigned(`j${n}`, 'ü'.repeat(30_000)))
    const { orders } = commitsOf(planOf({ orders: new Map([['h1', events]]) }), of)
    expect(orders.length).toBeGreaterThan(4)
    expect(orders.flatMap(({ commit }) => commit.events)).toEqual(events)
    for (const { bytes } of orders) expect(bytes.length).toBeLessThanOrEqual(limits.commitBytesMax)
  })

  it('fits the largest spec that is taken into an order of its own', () => {
    const { orders } = commitsOf(
      planOf({ orders: new Map([['h1', [assigned('a', 'x'.repeat(limits.specBytesMax)), assigned('b')]]]) }),
      of,
    )
    expect(orders.flatMap(({ commit }) => commit.events)).toHaveLength(2)
  })
})

it('splitEvents keeps within the number of events of a commit', () => {
  const events = Array.from({ length: limits.commitEventsMax * 2 + 1 }, (_, n) => ({
    type: 'claimed' as const,
    job: `${n}`,
    attempt: 1,
  }))
  const parts = splitEvents(events)
  expect(parts.flat()).toEqual(events)
  for (const part of parts) expect(part.length).toBeLessThanOrEqual(limits.commitEventsMax)
})
