import { expect, test } from 'vitest'
import type { Resources } from '#schemas'
import { RunQueue, type Waiting } from './run-queue.ts'

const resources = (cpus: number, memoryBytes = 0, custom: Record<string, number> = {}): Resources => ({
  cpuMilli: cpus * 1000,
  memoryBytes,
  custom,
})
const item = (attemptId: string, wanted: Resources, queueWaitMs = 1000): Waiting => ({
  attemptId,
  resources: wanted,
  queueWaitMs,
})
const taken = (queue: RunQueue<Waiting>): string[] => {
  const ids: string[] = []
  for (let next = queue.take(); next; next = queue.take()) ids.push(next.attemptId)
  return ids
}

test('first in, first out, as far as the resources reach', () => {
  const queue = new RunQueue<Waiting>(resources(2, 100))
  for (const id of ['a', 'b', 'c']) queue.push(item(id, resources(1, 10)), 0)
  expect(taken(queue)).toEqual(['a', 'b'])
  queue.release(resources(1, 10))
  expect(taken(queue)).toEqual(['c'])
})

test('nobody overtakes the first in line', () => {
  const queue = new RunQueue<Waiting>(resources(2, 100))
  queue.push(item('a', resources(1)), 0)
  queue.push(item('big', resources(2)), 0)
  queue.push(item('small', resources(1)), 0)
  expect(taken(queue)).toEqual(['a'])
  queue.release(resources(1))
  expect(taken(queue)).toEqual(['big'])
})

test('each kind of resource counts', () => {
  const queue = new RunQueue<Waiting>(resources(8, 100, { license: 1 }))
  queue.push(item('a', resources(1, 100, { license: 1 })), 0)
  expect(taken(queue)).toEqual(['a'])
  queue.push(item('b', resources(1, 1)), 0)
  expect(taken(queue)).toEqual([])
  queue.remove('b')
  queue.push(item('c', resources(1, 0, { license: 1 })), 0)
  expect(taken(queue)).toEqual([])
  queue.remove('c')
  queue.push(item('d', resources(1, 0, { unheard: 1 })), 0)
  expect(taken(queue)).toEqual([])
  queue.remove('d')
  queue.push(item('e', resources(1)), 0)
  expect(taken(queue)).toEqual(['e'])
})

test('gives up what waits too long, whatever its place', () => {
  const queue = new RunQueue<Waiting>(resources(0))
  queue.push(item('a', resources(1), 500), 0)
  queue.push(item('b', resources(1), 100), 50)
  expect(queue.nextExpiryMs()).toBe(150)
  expect(queue.expire(149)).toEqual([])
  expect(queue.expire(150).map(({ attemptId }) => attemptId)).toEqual(['b'])
  expect(queue.nextExpiryMs()).toBe(500)
  expect(queue.expire(500).map(({ attemptId }) => attemptId)).toEqual(['a'])
  expect(queue.nextExpiryMs()).toBeNull()
})

test('a capacity that shrinks below what is held stops starts, and growing again lets them go on', () => {
  const queue = new RunQueue<Waiting>(resources(2))
  queue.push(item('a', resources(2)), 0)
  taken(queue)
  queue.setCapacity(resources(1))
  queue.push(item('b', resources(1)), 0)
  queue.release(resources(2))
  expect(taken(queue)).toEqual(['b'])
})
