/** Submits that are asked for together travel together. */
import { expect, test } from 'vitest'
import { MemoryCell } from '#eventlog'
import { clientOver } from '../client.ts'
import { NatsTransport } from './transport.ts'

test('submits of one turn are grouped, those of different actors are not', async () => {
  const cell = new MemoryCell()
  const client = clientOver(new NatsTransport(cell.connect('sdk')))
  const spec = { command: ['true'] }
  const jobs = await Promise.all(Array.from({ length: 50 }, () => client.submit(spec, { actor: 'ada' })))
  expect(new Set(jobs.map((job) => job.seq))).toEqual(new Set([1]))
  const two = await Promise.all([client.submit(spec, { actor: 'ada' }), client.submit(spec, { actor: 'bob' })])
  expect(two.map((job) => job.seq)).toEqual([2, 3])
  await client.close()
})

test('large ones are cut at the size of a commit', async () => {
  const cell = new MemoryCell()
  const client = clientOver(new NatsTransport(cell.connect('sdk')))
  const spec = { command: ['true'], stdin: 'x'.repeat(60_000) }
  const jobs = await Promise.all(Array.from({ length: 9 }, () => client.submit(spec)))
  expect(new Set(jobs.map((job) => job.seq)).size).toBe(3)
  await client.close()
})
