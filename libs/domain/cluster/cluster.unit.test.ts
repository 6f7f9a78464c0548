import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ordersOf, TestCell } from '../../../test/support/cell.ts'
import { snapshotOf } from '../index.ts'

describe('the fence', () => {
  test('decisions of a deposed leader have no effect and are counted', () => {
    const cell = new TestCell()
    const old = cell.lead('scheduler-a')
    cell.join('h1')
    cell.submit('a')
    const made = cell.plan()
    cell.lead('scheduler-b')
    cell.order('h1', made.orders.get('h1')!, old)
    expect(cell.state('a')).toBe('queued')
    expect(cell.cluster.counts.fenced).toBe(1)
    cell.decide()
    expect(cell.state('a')).toBe('assigned')
  })

  test('decisions before any leader have no effect', () => {
    const cell = new TestCell()
    cell.join('h1')
    cell.submit('a')
    cell.decide(0)
    expect(cell.state('a')).toBe('queued')
  })

  test('a message that was folded before has no effect', () => {
    const cell = new TestCell()
    cell.submit('a')
    const before = JSON.stringify(snapshotOf(cell.cluster))
    const message = cell.log[0]!
    cell.log.length = 0
    cell.raw(message.subject, message.bytes)
    expect(JSON.stringify(snapshotOf(cell.cluster))).toBe(before)
  })

  test('unknown subjects and foreign writers are counted', () => {
    const cell = new TestCell()
    cell.raw('other.thing', 'x')
    cell.raw(
      'mr.host.h1.facts',
      '{"v":1,"id":"x","source":"t","time":0,"events":[{"type":"finished","job":"a","attempt":1,"state":"succeeded","reason":{"code":"x"}}]}',
    )
    expect(cell.cluster.counts.malformed).toBe(2)
  })
})

/** A random life of a cell: every step is legal for somebody, in any order. */
const life = fc.array(
  fc.record({
    step: fc.constantFrom(
      'submit',
      'cancel',
      'force',
      'join',
      'claim',
      'start',
      'exit',
      'fail',
      'lose',
      'refuse',
      'decide',
      'decide',
      'decide',
      'time',
      'silent',
      'heard',
      'lead',
      'leave',
      'garbage',
    ),
    job: fc.integer({ min: 0, max: 5 }),
    host: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 150 },
)

const live = (cell: TestCell, { step, job: n, host: h }: { step: string; job: number; host: number }): void => {
  const job = `job${n}`
  const host = `h${h}`
  const held = cell.cluster.hosts.get(host)?.attempts.get(job)?.attempt.n ?? 1
  switch (step) {
    case 'submit':
      return void cell.submit(job, {
        retries: n % 3,
        cpus: 1 + (n % 2),
        lostAfter: '5s',
        onDisconnect: n % 2 ? 'replace' : 'wait',
      })
    case 'cancel':
      return cell.cancel(job)
    case 'force':
      return cell.cancel(job, { force: true })
    case 'join':
      return cell.join(host, 2, {
        inventory:
          n > 3
            ? []
            : [...(cell.cluster.hosts.get(host)?.attempts.values() ?? [])].map(({ job: { id }, attempt }) => ({
                job: id,
                attempt: attempt.n,
              })),
      })
    case 'claim':
      return cell.claimed(host, job, held)
    case 'start':
      return cell.started(host, job, held)
    case 'exit':
      return cell.exited(host, job, { usage: { wallMs: 3 } }, held)
    case 'fail':
      return cell.exited(host, job, { exitCode: 1 }, held)
    case 'lose':
      return cell.exited(host, job, { cause: 'lost', exitCode: null }, held)
    case 'refuse':
      return cell.fact(host, { type: 'refused', job, attempt: held, reason: { code: 'host-queue-wait' } })
    case 'decide':
      return void cell.decide()
    case 'time':
      cell.nowMs += 700 * n
      return
    case 'silent':
      return void cell.silentMs.set(host, 4000)
    case 'heard':
      return void cell.silentMs.set(host, 0)
    case 'lead':
      return void cell.lead(`scheduler-${n}`)
    case 'leave':
      return cell.fact(host, { type: 'left', reason: { code: 'host-leaving' } })
    default:
      return void cell.raw(`mr.job.${job}.submitted`, '{"v":1}')
  }
}

describe('any life of a cell', () => {
  test('snapshot and replay come to the same state and the same next plan', () => {
    fc.assert(
      fc.property(life, (steps) => {
        const cell = new TestCell()
        for (const step of steps) live(cell, step)
        const text = JSON.stringify(snapshotOf(cell.cluster))
        expect(JSON.stringify(snapshotOf(cell.restored()))).toBe(text)
        expect(JSON.stringify(snapshotOf(cell.replayed()))).toBe(text)
        const here = ordersOf(cell.plan())
        cell.cluster = cell.restored()
        expect(ordersOf(cell.plan())).toEqual(here)
      }),
      { numRuns: 300 },
    )
  })

  test('reserved is the sum of the live attempts, and each job has at most one', () => {
    fc.assert(
      fc.property(life, (steps) => {
        const cell = new TestCell()
        for (const step of steps) {
          live(cell, step)
          const seen = new Set<string>()
          for (const host of cell.cluster.hosts.values()) {
            let cpuMilli = 0
            for (const { job, attempt } of host.attempts.values()) {
              expect(seen.has(job.id)).toBe(false)
              seen.add(job.id)
              expect('attempt' in job.state && job.state.attempt).toBe(attempt)
              cpuMilli += job.placement.resources.cpuMilli
            }
            expect(host.reserved.cpuMilli).toBe(cpuMilli)
            expect(host.reservedLong.cpuMilli).toBeLessThanOrEqual(host.joined.capacity.cpuMilli)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('with a leader, a host and time every job ends', () => {
    fc.assert(
      fc.property(life, (steps) => {
        const cell = new TestCell()
        for (const step of steps) live(cell, step)
        cell.silentMs.clear()
        cell.lead('healer')
        for (let round = 0; cell.cluster.jobs.size > 0 && round < 400; round++) {
          for (const host of ['h1', 'h2', 'h3'])
            cell.join(host, 2, {
              inventory: [...(cell.cluster.hosts.get(host)?.attempts.values() ?? [])].map(
                ({ job: { id }, attempt }) => ({ job: id, attempt: attempt.n }),
              ),
            })
          cell.decide()
          for (const host of [...cell.cluster.hosts.values()])
            for (const { job, attempt } of [...host.attempts.values()]) {
              cell.started(host.id, job.id, attempt.n)
              cell.exited(host.id, job.id, {}, attempt.n)
            }
          cell.decide()
          cell.nowMs += 10_000
        }
        expect([...cell.cluster.jobs.keys()]).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})
