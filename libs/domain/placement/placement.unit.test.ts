import { describe, expect, test } from 'vitest'
import { ordersOf, TestCell } from '../../../test/support/cell.ts'

const cellWith = (...hosts: [string, number][]): TestCell => {
  const cell = new TestCell()
  cell.lead()
  for (const [host, cpus] of hosts) cell.join(host, cpus)
  return cell
}

describe('placement', () => {
  test('fills hosts in order, never beyond their capacity', () => {
    const cell = cellWith(['h1', 2], ['h2', 1])
    for (const job of ['a', 'b', 'c', 'd']) cell.submit(job)
    expect(ordersOf(cell.decide())).toEqual([
      'h1 assigned a.1 first-fit',
      'h1 assigned b.1 first-fit',
      'h2 assigned c.1 first-fit',
    ])
    expect(ordersOf(cell.decide())).toEqual([])
  })

  test('first come, first served; priority goes first', () => {
    const cell = cellWith(['h1', 2])
    cell.submit('a')
    cell.submit('b')
    cell.submit('urgent', { priority: 5 })
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned urgent.1 first-fit', 'h1 assigned a.1 first-fit'])
  })

  test('a large job does not hold up small ones of another shape', () => {
    const cell = cellWith(['h1', 2])
    cell.submit('large', { cpus: 3 })
    cell.submit('small')
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned small.1 first-fit'])
  })

  test('memory and custom resources count', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1', 8, { memoryBytes: 4 * 2 ** 30 })
    cell.submit('a', { cpus: 1, memory: '3GiB' })
    cell.submit('b', { cpus: 1, memory: '2GiB' })
    cell.submit('c', { cpus: 1, resources: { licence: 1 } })
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned a.1 first-fit'])
  })

  test('a pinned job waits for its host', () => {
    const cell = cellWith(['h1', 1], ['h2', 1])
    cell.submit('a', { host: 'h2' })
    cell.submit('b', { host: 'h3' })
    expect(ordersOf(cell.decide())).toEqual(['h2 assigned a.1 first-fit'])
  })

  test('fractions of a CPU', () => {
    const cell = cellWith(['h1', 1])
    for (const job of ['a', 'b', 'c']) cell.submit(job, { cpus: 0.4 })
    expect(ordersOf(cell.decide())).toHaveLength(2)
  })

  test('a retry keeps its place in the line', () => {
    const cell = cellWith(['h1', 1])
    cell.submit('a', { retries: { max: 1, initial: '1s', jitter: 0 } })
    cell.decide()
    cell.started('h1', 'a')
    cell.submit('b')
    cell.exited('h1', 'a', { exitCode: 1 })
    cell.nowMs += 1
    cell.decide()
    cell.decide()
    expect(cell.state('b')).toBe('assigned')
    cell.submit('c')
    cell.started('h1', 'b')
    cell.exited('h1', 'b')
    cell.nowMs += 1000
    cell.decide()
    expect(cell.state('a')).toBe('assigned')
    expect(cell.state('c')).toBe('queued')
  })
})

describe('ordering ahead', () => {
  const learned = (wallMs: number): TestCell => {
    const cell = cellWith(['h1', 1])
    cell.submit('first')
    cell.decide()
    cell.started('h1', 'first')
    cell.exited('h1', 'first', { usage: { wallMs } })
    cell.decide()
    for (let n = 0; n < 20; n++) cell.submit(`job${n}`)
    return cell
  }

  test('short jobs are ordered ahead of free slots, about 100 ms of work', () => {
    expect(ordersOf(learned(10).decide())).toHaveLength(11)
  })

  test('longer jobs are not', () => {
    expect(ordersOf(learned(101).decide())).toHaveLength(1)
  })

  test('nothing is ordered ahead behind a job that is not known to be short', () => {
    const cell = learned(10)
    cell.submit('long', { command: ['sleep', '1000'], priority: 1 })
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned long.1 first-fit'])
    expect(ordersOf(cell.decide())).toEqual([])
  })

  test('after a job was given back for waiting too long, nothing of its kind is ordered ahead', () => {
    const cell = learned(10)
    cell.decide()
    cell.claimed('h1', 'job1')
    cell.fact('h1', { type: 'refused', job: 'job1', attempt: 1, reason: { code: 'host-queue-wait' } })
    expect(ordersOf(cell.decide())).toEqual([])
  })
})
