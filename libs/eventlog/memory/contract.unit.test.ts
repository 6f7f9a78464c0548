import { expect, test } from 'vitest'
import { limits } from '#schemas'
import { eventLogContract } from '../contract.ts'
import type { Broker } from '../port.ts'
import { MemoryCell } from './cell.ts'
import { subjectFilter } from './subject-filter.ts'

let namespaces = 0

eventLogContract('memory', {
  makeCell: async () => {
    const namespace = `m${++namespaces}`
    const cell = new MemoryCell({ namespace })
    const brokers: Broker[] = []
    return {
      namespace,
      async connect(name) {
        const broker = cell.connect(name)
        brokers.push(broker)
        return broker
      },
      dispose: async () => void (await Promise.all(brokers.map((broker) => broker.close()))),
    }
  },
})

test('an id is forgotten after the dedupe window of the injected clock', async () => {
  let nowMs = 1_000_000
  const { log } = new MemoryCell({ nowMs: () => nowMs }).connect('test')
  const message = { subject: 'mr.scheduler.decisions', id: 'a', bytes: new Uint8Array(1) }
  await log.append(message)
  nowMs += limits.dedupeWindowMs - 1
  expect(await log.append(message)).toEqual({ sequence: 1, duplicate: true })
  nowMs += 1
  expect(await log.append(message)).toEqual({ sequence: 2, duplicate: false })
  expect((await log.get(2))!.timeMs).toBe(nowMs)
})

test('a full log refuses with no-space, and a subject of no stream with no-stream', async () => {
  const { log } = new MemoryCell({ logBytesMax: 10 }).connect('test')
  await log.append({ subject: 'mr.scheduler.decisions', id: 'a', bytes: new Uint8Array(10) })
  await expect(
    log.append({ subject: 'mr.scheduler.decisions', id: 'b', bytes: new Uint8Array(1) }),
  ).rejects.toMatchObject({ code: 'no-space' })
  await expect(log.append({ subject: 'mr.beat.h', id: 'b', bytes: new Uint8Array(0) })).rejects.toMatchObject({
    code: 'no-stream',
  })
})

test('deliveries run when the injected schedule runs them, never within an append', async () => {
  const pending: (() => void)[] = []
  const { log } = new MemoryCell({ schedule: (run) => pending.push(run) }).connect('test')
  const seen: number[] = []
  log.follow({ from: 1, onMessages: (messages) => seen.push(...messages.map((m) => m.sequence)) })
  await log.append({ subject: 'mr.scheduler.decisions', id: 'a', bytes: new Uint8Array(0) })
  await log.append({ subject: 'mr.scheduler.decisions', id: 'b', bytes: new Uint8Array(0) })
  expect(seen).toEqual([])
  pending.shift()!()
  expect(seen).toEqual([1, 2])
})

test.each([
  ['mr.job.*.*', 'mr.job.a.submitted', true],
  ['mr.job.*.*', 'mr.job.a', false],
  ['mr.job.*', 'mr.job.a.submitted', false],
  ['mr.>', 'mr.job.a.submitted', true],
  ['mr.>', 'mr', false],
  ['mr.done.a', 'mr.done.a', true],
  ['mr.done.a', 'mr.done.ab', false],
])('filter %s on %s: %s', (filter, subject, expected) => expect(subjectFilter(filter)(subject)).toBe(expected))
