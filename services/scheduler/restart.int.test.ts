/** Restarts on a real nats-server and real snapshot files: snapshot + tail is the full replay, whatever lies between. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { connectBroker, prepareStreams } from '#eventlog'
import { natsServerForTests, type TestServer } from '#nats-server'
import { newLogger } from '#runtime'
import { subjectsOf } from '#schemas'
import { SnapshotStore } from '#store'
import { Scheduler } from './scheduler.ts'
import { snapshotFile } from './snapshots.ts'
import { LogReader, submit, submitMany } from './testing/cell.ts'
import { ScriptedAgent } from './testing/scripted-agent.ts'

const subjects = subjectsOf('mr')
let server: TestServer
let data: string
let ends: (() => Promise<unknown>)[]

beforeEach(async () => {
  ends = []
  server = await natsServerForTests()
  data = await mkdtemp(join(tmpdir(), 'millrace-scheduler-'))
})
afterEach(async () => {
  for (const end of ends.reverse()) await end()
  await server[Symbol.asyncDispose]()
  await rm(data, { recursive: true, force: true })
})

const connect = async (name: string) => {
  const broker = await connectBroker({ servers: server.url, name })
  ends.push(() => broker.close())
  return broker
}

/** What it logged is kept: only it tells from where a start began. */
const start = async (id: string, file: string) => {
  const started: string[] = []
  const logger = newLogger(id, 'silent')
  logger.info = (first: unknown, msg?: string) => {
    if (typeof msg === 'string') started.push(`${msg} ${JSON.stringify(first)}`)
  }
  const scheduler = new Scheduler({
    id,
    namespace: 'mr',
    logger,
    openSnapshots: () => new SnapshotStore(join(data, file)),
    connect: async () => {
      await prepareStreams({ servers: server.url })
      return connectBroker({ servers: server.url, name: id })
    },
  })
  ends.push(() => scheduler.stop())
  await scheduler.start()
  return { scheduler, fromSnapshot: started.some((line) => line.startsWith('starting from a snapshot')) }
}

it('a restart from snapshot and tail folds the same state as a full replay, from local file and object store', async () => {
  const { scheduler: first } = await start('a', 'a.db')
  const broker = await connect('client')
  const reader = new LogReader(broker, subjects)
  const agent = new ScriptedAgent({
    broker: await connect('h1'),
    subjects,
    host: 'h1',
    outcome: (job, attempt) => (job.startsWith('long') ? 'runs-on' : { exitCode: attempt === 1 ? 1 : 0 }),
  })
  ends.push(() => agent.stop())
  await agent.start()
  const jobs = Array.from({ length: 300 }, (_, n) => `job-${n}`)
  await submitMany(broker, subjects, 'one', jobs)
  await submit(broker, subjects, 'long-1', { command: ['x'], priority: 9 })
  await submit(broker, subjects, 'flaky', { command: ['x'], retries: { max: 2, initial: '20ms' } })
  await reader.untilEnded([...jobs, 'flaky'])
  await first.stop()
  // The tail: what came while no scheduler ran.
  await submitMany(
    broker,
    subjects,
    'two',
    jobs.map((job) => `${job}-b`),
  )
  await broker.log.append({ subject: subjects.job('bad', 'submitted'), id: 'bad', bytes: Buffer.from('{') })
  const fromLocal = await start('a', 'a.db')
  const fromObjectStore = await start('b', 'b.db')
  await broker.files.delete(snapshotFile)
  const fromNothing = await start('c', 'c.db')
  expect([fromLocal, fromObjectStore, fromNothing].map(({ fromSnapshot }) => fromSnapshot)).toEqual([true, true, false])
  await reader.untilEnded([...jobs.map((job) => `${job}-b`), 'bad'])
  await expect
    .poll(
      () => {
        const all = [fromLocal, fromObjectStore, fromNothing].map(({ scheduler }) => scheduler)
        const sequences = new Set(all.map((one) => one.status().sequence))
        const hashes = new Set(all.map((one) => one.stateHash()))
        return [sequences.size, hashes.size]
      },
      { timeout: 20_000 },
    )
    .toEqual([1, 1])
})

it('a log that was replaced is folded from its start, the old snapshots are left alone', async () => {
  const { scheduler: first } = await start('a', 'a.db')
  const broker = await connect('client')
  await submit(broker, subjects, 'old')
  await expect.poll(() => first.status().sequence, { timeout: 20_000 }).toBeGreaterThanOrEqual(2)
  await first.stop()
  await broker.close()
  await server[Symbol.asyncDispose]()
  server = await natsServerForTests()
  const second = await start('a', 'a.db')
  expect(second.fromSnapshot).toBe(false)
  await expect.poll(() => second.scheduler.status().role, { timeout: 20_000 }).toBe('leading')
})
