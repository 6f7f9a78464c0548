import { describe, expect, test } from 'vitest'
import type { JobSpec } from '#schemas'
import { decisionsOf, ordersOf, TestCell } from '../../../test/support/cell.ts'

const running = (spec: Partial<JobSpec> = {}): TestCell => {
  const cell = new TestCell()
  cell.lead()
  cell.join('h1')
  cell.submit('a', spec)
  cell.decide()
  cell.started('h1', 'a')
  return cell
}

describe('a host that falls silent', () => {
  test('is suspect after 3 s, which changes no job', () => {
    const cell = running()
    cell.silentMs.set('h1', 2999)
    expect(ordersOf(cell.decide())).toEqual([])
    cell.silentMs.set('h1', 3000)
    expect(ordersOf(cell.decide())).toEqual(['h1 suspect host-silent'])
    expect(cell.state('a')).toBe('running')
    expect(ordersOf(cell.decide())).toEqual([])
  })

  test('gets nothing new while suspect, and is used again when heard', () => {
    const cell = running()
    cell.exited('h1', 'a')
    cell.decide()
    cell.silentMs.set('h1', 5000)
    cell.decide()
    cell.submit('b')
    expect(ordersOf(cell.decide())).toEqual([])
    cell.silentMs.set('h1', 100)
    expect(ordersOf(cell.decide())).toEqual(['h1 returned host-back'])
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned b.1 first-fit'])
  })

  test('loses its jobs after their lostAfter, not before, and they start elsewhere', () => {
    const cell = running({ lostAfter: '10s' })
    cell.join('h2')
    cell.silentMs.set('h1', 3000)
    cell.decide()
    cell.nowMs += 9_999
    cell.silentMs.set('h1', 12_999)
    expect(ordersOf(cell.decide())).toEqual([])
    expect(cell.plan().nextAtMs).toBe(cell.nowMs + 1)
    cell.nowMs += 1
    expect(ordersOf(cell.decide())).toEqual(['h1 lost a.1 host-silent'])
    expect(decisionsOf(cell.decide())).toEqual(['retrying a.1 retry-after-loss'])
    expect(ordersOf(cell.decide())).toEqual(['h2 assigned a.2 first-fit'])
  })

  test('with onDisconnect replace they start elsewhere at once', () => {
    const cell = running({ onDisconnect: 'replace' })
    cell.join('h2')
    cell.silentMs.set('h1', 3000)
    cell.decide()
    expect(ordersOf(cell.decide())).toEqual(['h1 lost a.1 host-silent'])
  })

  test('an order that nobody claimed is given up at once', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1')
    cell.submit('a')
    cell.decide()
    cell.silentMs.set('h1', 3000)
    cell.decide()
    expect(ordersOf(cell.decide())).toEqual(['h1 lost a.1 host-silent'])
  })

  test('what it says of a job that was given up is late', () => {
    const cell = running({ onDisconnect: 'replace' })
    cell.join('h2')
    cell.silentMs.set('h1', 3000)
    cell.decide()
    cell.decide()
    cell.decide()
    cell.decide()
    cell.exited('h1', 'a')
    expect(cell.state('a')).toBe('assigned')
    expect(cell.cluster.counts.late).toBe(1)
  })
})

describe('a host that comes back', () => {
  test('keeps what it still has', () => {
    const cell = running()
    cell.join('h1', 1, { inventory: [{ job: 'a', attempt: 1 }] })
    expect(ordersOf(cell.decide())).toEqual([])
    expect(cell.state('a')).toBe('running')
  })

  test('has lost what it does not have, at once', () => {
    const cell = running()
    cell.join('h1')
    expect(ordersOf(cell.decide())).toEqual(['h1 lost a.1 not-in-inventory'])
    expect(decisionsOf(cell.decide())).toEqual(['retrying a.1 retry-after-loss'])
  })

  test('after a reboot says so', () => {
    const cell = running()
    cell.join('h1', 1, { bootId: 'boot-2' })
    expect(ordersOf(cell.decide())).toEqual(['h1 lost a.1 host-rebooted'])
  })

  test('is told to end what has been replaced', () => {
    const cell = running({ onDisconnect: 'replace' })
    cell.join('h2')
    cell.silentMs.set('h1', 3000)
    for (let pass = 0; pass < 4; pass++) cell.decide()
    cell.silentMs.set('h1', 0)
    cell.join('h1', 1, { inventory: [{ job: 'a', attempt: 1 }] })
    expect(ordersOf(cell.decide())).toEqual(['h1 revoked a.1 superseded'])
    expect(ordersOf(cell.decide())).toEqual([])
  })

  test('an order on its way to a host that restarts stays', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1')
    cell.submit('a')
    cell.decide()
    cell.join('h1')
    expect(ordersOf(cell.decide())).toEqual([])
    expect(cell.state('a')).toBe('assigned')
  })

  test('a host that left on purpose keeps its jobs until lostAfter', () => {
    const cell = running({ lostAfter: '10s' })
    cell.fact('h1', { type: 'left', reason: { code: 'host-leaving' } })
    expect(ordersOf(cell.decide())).toEqual([])
    cell.nowMs += 10_000
    expect(ordersOf(cell.decide())).toEqual(['h1 lost a.1 host-leaving'])
  })
})

describe('a host that gives back', () => {
  test('what waited too long is placed again and costs no retry', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1')
    cell.submit('a')
    cell.decide()
    cell.claimed('h1', 'a')
    cell.fact('h1', { type: 'refused', job: 'a', attempt: 1, reason: { code: 'host-queue-wait' } })
    expect(ordersOf(cell.decide())).toEqual(['h1 assigned a.2 first-fit'])
    expect(cell.cluster.jobs.get('a')).toMatchObject({ failures: 0, refusals: 0 })
  })

  test('for ever, fails the job in the end', () => {
    const cell = new TestCell()
    cell.lead()
    cell.join('h1')
    cell.submit('a')
    for (let attempt = 1; attempt <= 21; attempt++) {
      cell.decide()
      cell.fact('h1', { type: 'refused', job: 'a', attempt, reason: { code: 'host-refused', text: 'no disk' } })
    }
    expect(cell.decide().decisions).toMatchObject([
      { type: 'finished', state: 'failed', reason: { code: 'refusals-exhausted', text: 'no disk' } },
    ])
  })
})
