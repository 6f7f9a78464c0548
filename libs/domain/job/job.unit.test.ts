import { describe, expect, test } from 'vitest'
import type { JobSpec } from '#schemas'
import { decisionsOf, ordersOf, TestCell } from '../../../test/support/cell.ts'

/** A cell with a leader, one host and one job that runs on it. */
const running = (spec: Partial<JobSpec> = {}): TestCell => {
  const cell = assigned(spec)
  cell.started('h1', 'a')
  return cell
}
const assigned = (spec: Partial<JobSpec> = {}): TestCell => {
  const cell = new TestCell()
  cell.lead()
  cell.join('h1')
  cell.submit('a', spec)
  cell.decide()
  return cell
}

describe('the way of a job', () => {
  test('submitted → assigned → running → finished', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1')
    cell.submit('a')
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned a.1 first-fit'])
    expect(cell.state('a')).toBe('assigned')
    cell.started('h1', 'a')
    expect(cell.state('a')).toBe('running')
    cell.exited('h1', 'a')
    const made = cell.decide()
    expect(decisionsOf(made)).toEqual(['finished a.1 succeeded exit-zero'])
    expect(made.done).toMatchObject([{ id: 'a', state: 'succeeded', exitCode: 0, cause: 'exit', attempt: 1 }])
    expect(cell.state('a')).toBe('gone')
    expect(cell.cluster.hosts.get('h1')!.reserved.cpuMilli).toBe(0)
    expect(cell.cluster.classes.size).toBe(0)
  })

  test('nothing is decided twice', () => {
    const cell = running()
    cell.exited('h1', 'a')
    cell.decide()
    expect(cell.decide()).toMatchObject({ decisions: [], done: [] })
  })

  test('facts of another attempt or host change nothing and are counted', () => {
    const cell = running()
    cell.exited('h1', 'a', {}, 2)
    cell.join('h2')
    cell.exited('h2', 'a')
    expect(cell.state('a')).toBe('running')
    expect(cell.cluster.counts.late).toBe(2)
  })

  test('a terminal state never changes', () => {
    const cell = running()
    cell.exited('h1', 'a')
    cell.decide()
    cell.exited('h1', 'a', { exitCode: 1 })
    cell.cancel('a')
    cell.submit('a')
    expect(cell.decide()).toMatchObject({ decisions: [] })
    expect(cell.state('a')).toBe('gone')
  })
})

describe('submitting', () => {
  test('the same id with the same spec is one job', () => {
    const cell = new TestCell()
    cell.submit('a', { labels: { x: '1', y: '2' } })
    cell.submit('a', { labels: { y: '2', x: '1' } })
    expect(cell.cluster.jobs.size).toBe(1)
    expect(cell.cluster.counts.repeated).toBe(1)
  })

  test('the same id with another spec is refused and the first stands', () => {
    const cell = new TestCell()
    cell.lead()
    cell.submit('a')
    cell.submit('a', { command: ['false'] })
    expect(decisionsOf(cell.decide())).toEqual(['rejected a id-taken'])
    expect(cell.state('a')).toBe('queued')
    expect(cell.decide().decisions).toEqual([])
  })

  test('what does not fit its schema is rejected with JSON pointers, and the rest goes on', () => {
    const cell = new TestCell()
    cell.lead()
    cell.raw(
      'mr.job.bad.submitted',
      '{"v":1,"id":"x","source":"t","time":0,"events":[{"type":"submitted","job":"bad","spec":{"command":[]}}]}',
    )
    cell.raw('mr.job.worse.submitted', '{{{')
    cell.submit('good')
    const made = cell.decide()
    expect(decisionsOf(made)).toEqual(['rejected bad schema', 'rejected worse schema'])
    expect(made.decisions[0]).toMatchObject({ faults: [{ pointer: '/events/0/spec/command' }] })
    expect(made.done.map(({ id, state }) => [id, state])).toEqual([
      ['bad', 'rejected'],
      ['worse', 'rejected'],
    ])
    expect(cell.state('good')).toBe('queued')
    expect(cell.state('bad')).toBe('gone')
  })

  test('a foreign CloudEvent is a submit like any other', () => {
    const cell = new TestCell()
    const event = {
      specversion: '1.0',
      id: '1',
      source: 'r',
      type: 'millrace.job.submitted.v1',
      data: { spec: { command: ['gp', '-q'] } },
    }
    cell.raw('mr.job.foreign.submitted', JSON.stringify(event))
    expect(cell.state('foreign')).toBe('queued')
  })

  test('an event of an unknown type or version is rejected', () => {
    const cell = new TestCell()
    cell.lead()
    const event = { specversion: '1.0', id: '1', source: 'r', data: { spec: { command: ['true'] } } }
    cell.raw('mr.job.v9.submitted', JSON.stringify({ ...event, type: 'millrace.job.submitted.v9' }))
    cell.raw('mr.job.odd.submitted', '{"v":1,"id":"x","source":"t","time":0,"events":[{"type":"dreamt","job":"odd"}]}')
    cell.raw('mr.job.v2.submitted', '{"v":2,"id":"x","source":"t","time":0,"events":[]}')
    expect(decisionsOf(cell.decide())).toEqual([
      'rejected v9 unknown-version',
      'rejected odd unknown-version',
      'rejected v2 unknown-version',
    ])
  })
})

describe('failing and retrying', () => {
  test('a failure without retries fails the job with its cause', () => {
    const cell = running()
    cell.exited('h1', 'a', { exitCode: 3 })
    const made = cell.decide()
    expect(decisionsOf(made)).toEqual(['finished a.1 failed exit-code'])
    expect(made.done[0]).toMatchObject({ exitCode: 3, cause: 'exit' })
  })

  test('back-off doubles, is never early, and then the job fails', () => {
    const cell = running({ retries: { max: 2, initial: '1s', jitter: 0 } })
    cell.exited('h1', 'a', { exitCode: 1 })
    const first = cell.decide()
    expect(decisionsOf(first)).toEqual(['retrying a.1 retry-within-policy'])
    expect(first.decisions[0]).toMatchObject({ dueAt: cell.nowMs + 1000 })
    expect(cell.plan().nextAtMs).toBe(cell.nowMs + 1000)
    cell.nowMs += 999
    expect(ordersOf(cell.decide())).toEqual([])
    cell.nowMs += 1
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned a.2 first-fit'])
    cell.started('h1', 'a', 2)
    cell.exited('h1', 'a', { exitCode: 1 }, 2)
    expect(cell.decide().decisions[0]).toMatchObject({ dueAt: cell.nowMs + 2000 })
    cell.nowMs += 2000
    cell.decide()
    cell.started('h1', 'a', 3)
    cell.exited('h1', 'a', { exitCode: 1 }, 3)
    expect(decisionsOf(cell.decide())).toEqual(['finished a.3 failed retries-exhausted'])
  })

  test('jitter depends on the job alone: every reader comes to the same time', () => {
    const dueOf = (): unknown => {
      const cell = running({ retries: { max: 1, jitter: 0.5 } })
      cell.exited('h1', 'a', { exitCode: 1 })
      return cell.decide().decisions[0]
    }
    expect(dueOf()).toEqual(dueOf())
  })

  test('somebody asks to retry at once', () => {
    const cell = running({ retries: { max: 1, initial: '1h' } })
    cell.exited('h1', 'a', { exitCode: 1 })
    cell.decide()
    cell.commit('mr.job.a.retry-requested', [{ type: 'retry-requested', job: 'a' }])
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned a.2 first-fit'])
  })

  test('losses do not count as failures, and a job that loses every host ends', () => {
    const cell = running()
    for (let attempt = 1; attempt <= 6; attempt++) {
      cell.exited('h1', 'a', { cause: 'lost', exitCode: null }, attempt)
      cell.decide()
      cell.nowMs += 600_000
      cell.decide()
      if (attempt < 6) cell.started('h1', 'a', attempt + 1)
    }
    expect(cell.state('a')).toBe('gone')
    expect(cell.cluster.jobs.size).toBe(0)
  })

  test('a spec can say that a loss fails the job', () => {
    const cell = running({ onLost: 'fail' })
    cell.exited('h1', 'a', { cause: 'lost', exitCode: null })
    expect(decisionsOf(cell.decide())).toEqual(['finished a.1 failed on-lost-fail'])
  })
})

describe('cancelling at any moment', () => {
  test('queued', () => {
    const cell = new TestCell()
    cell.lead()
    cell.submit('a')
    cell.cancel('a', { reason: 'changed my mind' })
    const made = cell.decide()
    expect(made.decisions).toMatchObject([
      { type: 'cancelled', job: 'a', reason: { code: 'cancelled', text: 'changed my mind' } },
    ])
    expect(cell.state('a')).toBe('gone')
  })

  test('queued jobs that are being cancelled are not placed in the same pass', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1')
    cell.submit('a')
    cell.cancel('a')
    expect(ordersOf(cell.decide())).toEqual([])
  })

  test('assigned and not yet claimed: revoked, and the claim that comes later has no effect', () => {
    const cell = assigned()
    cell.cancel('a')
    expect(ordersOf(cell.decide())).toEqual(['h1 revoked a.1 cancelled'])
    cell.claimed('h1', 'a')
    expect(cell.state('a')).toBe('ended')
    expect(decisionsOf(cell.decide())).toEqual(['cancelled a.1 cancelled'])
  })

  test('the claim comes first: the revocation is an order to stop', () => {
    const cell = assigned()
    cell.cancel('a')
    const made = cell.plan()
    cell.claimed('h1', 'a')
    cell.order('h1', made.orders.get('h1')!)
    expect(cell.state('a')).toBe('stopping')
    cell.exited('h1', 'a', { cause: 'cancelled', exitCode: null, signal: 'SIGTERM' })
    expect(decisionsOf(cell.decide())).toEqual(['cancelled a.1 cancelled'])
  })

  test('running: stopped with its grace, then cancelled; force takes the grace away', () => {
    const cell = running({ grace: '3s' })
    cell.cancel('a')
    expect(cell.decide().orders.get('h1')).toMatchObject([{ type: 'stop-ordered', graceMs: 3000 }])
    expect(cell.state('a')).toBe('stopping')
    expect(ordersOf(cell.decide())).toEqual([])
    cell.cancel('a', { force: true })
    expect(cell.decide().orders.get('h1')).toMatchObject([{ type: 'stop-ordered', graceMs: 0 }])
    cell.exited('h1', 'a', { cause: 'cancelled', exitCode: null, signal: 'SIGKILL' })
    expect(decisionsOf(cell.decide())).toEqual(['cancelled a.1 cancelled'])
  })

  test('a job that ends well before the stop reaches it has succeeded', () => {
    const cell = running()
    cell.cancel('a')
    cell.decide()
    cell.exited('h1', 'a')
    expect(decisionsOf(cell.decide())).toEqual(['finished a.1 succeeded exit-zero'])
  })

  test('in its back-off', () => {
    const cell = running({ retries: 3 })
    cell.exited('h1', 'a', { exitCode: 1 })
    cell.decide()
    cell.cancel('a')
    expect(decisionsOf(cell.decide())).toEqual(['cancelled a cancelled'])
    cell.nowMs += 1_000_000
    expect(ordersOf(cell.decide())).toEqual([])
  })

  test('lost while stopping', () => {
    const cell = running()
    cell.cancel('a')
    cell.decide()
    cell.exited('h1', 'a', { cause: 'lost', exitCode: null })
    expect(decisionsOf(cell.decide())).toEqual(['cancelled a.1 cancelled'])
  })
})
