/** Schedulers as processes on a real nats-server: killed, paused, and a broker that dies under work. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Broker, connectBroker } from '#eventlog'
import { natsServerForTests, type TestServer } from '#nats-server'
import { encodeCommit, subjectsOf } from '#schemas'
import { LogReader, submit, submitMany } from './testing/cell.ts'
import { SchedulerProcess } from './testing/scheduler-process.ts'
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

const scheduler = async (id: string): Promise<SchedulerProcess> => {
  const process = new SchedulerProcess({ nats: server.url, data, id })
  ends.push(() => process.kill())
  await process.ready
  return process
}

const connect = async (name: string): Promise<Broker> => {
  const broker = await connectBroker({ servers: server.url, name })
  ends.push(() => broker.close())
  return broker
}

const agentOn = async (host: string) => {
  const agent = new ScriptedAgent({ broker: await connect(host), subjects, host, cpuMilli: 16_000 })
  ends.push(() => agent.stop())
  await agent.start()
  return agent
}

const leading = (process: SchedulerProcess) => process.line(({ msg }) => msg === 'leading')
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`)

/** Each job ended once, by a decision that counts, and was started once. */
const expectOnce = (reader: LogReader, agent: ScriptedAgent, jobs: readonly string[]) => {
  const decisions = reader.decisions()
  for (const job of jobs) expect(decisions.get(job), job).toMatchObject([{ type: 'finished', state: 'succeeded' }])
  expect(agent.spawned.toSorted()).toEqual(jobs.map((job) => `${job}.1`).toSorted())
}

it('the standby leads and decides when the leader is killed', async () => {
  const first = await scheduler('a')
  const before = await leading(first)
  const second = await scheduler('b')
  const broker = await connect('client')
  const reader = new LogReader(broker, subjects)
  const agent = await agentOn('h1')
  await submit(broker, subjects, 'before')
  await reader.untilEnded(['before'])
  const killedAtMs = performance.now()
  first.signal('SIGKILL')
  await first.exited
  await submit(broker, subjects, 'after')
  await reader.untilEnded(['after'])
  const tookMs = Math.round(performance.now() - killedAtMs)
  console.info(`failover: ${tookMs} ms from SIGKILL of the leader to the end of a job submitted after it`)
  const after = await leading(second)
  expect(after.epoch).toBeGreaterThan(before.epoch!)
  expect(reader.epoch).toBe(after.epoch)
  expectOnce(reader, agent, ['before', 'after'])
  // The killed one comes back on its own data folder and follows.
  const again = await scheduler('a')
  expect(await again.ready).toMatchObject({ ready: 'scheduler', id: 'a' })
})

it('a leader that was paused steps down when it comes back, and what it decides late is ignored by all', async () => {
  const first = await scheduler('a')
  const { epoch: oldEpoch } = await leading(first)
  const second = await scheduler('b')
  const broker = await connect('client')
  const reader = new LogReader(broker, subjects)
  const agent = await agentOn('h1')
  // Work in its hands when it is paused, so that some of its orders may well come late.
  const early = names('early', 200)
  await submitMany(broker, subjects, 'early', early)
  await reader.until(({ seen }) => seen.some(({ event }) => event.type === 'assigned'))
  first.signal('SIGSTOP')
  const { epoch: newEpoch } = await leading(second)
  const late = encodeCommit({
    v: 1,
    id: `plan/${oldEpoch}/999/0`,
    source: 'scheduler/a',
    time: 0,
    epoch: oldEpoch!,
    events: [
      { type: 'assigned', job: 'ghost', attempt: 1, spec: { command: ['true'] }, reason: { code: 'first-fit' } },
    ],
  })
  await broker.log.append({ subject: subjects.orders('h1'), id: `plan/${oldEpoch}/999/0`, bytes: late })
  first.signal('SIGCONT')
  const down = await first.line(({ msg }) => msg === 'no longer leading')
  expect(down.epoch).toBe(oldEpoch)
  const afterwards = names('afterwards', 50)
  await submitMany(broker, subjects, 'afterwards', afterwards)
  await reader.untilEnded([...early, ...afterwards])
  expectOnce(reader, agent, [...early, ...afterwards])
  expect(agent.fenced).toBeGreaterThan(0)
  expect(reader.epoch).toBe(newEpoch)
  for (const { subject, counts, epoch } of reader.seen)
    if (counts && subject === subjects.decisions) expect([oldEpoch, newEpoch]).toContain(epoch)
})

it('goes on after the broker was killed under load and came back', async () => {
  const only = await scheduler('a')
  const { epoch } = await leading(only)
  const broker = await connect('client')
  const reader = new LogReader(broker, subjects)
  const agent = await agentOn('h1')
  const batches = 40
  const jobs: string[] = []
  const submits: Promise<unknown>[] = []
  for (let batch = 0; batch < batches; batch++) {
    const part = names(`b${batch}`, 25)
    jobs.push(...part)
    submits.push(submitMany(broker, subjects, `b${batch}`, part))
    if (batch === 10) await reader.until(({ seen }) => seen.some(({ event }) => event.type === 'finished'))
    if (batch === 10) server.kill()
  }
  // Long enough away for the leader to have given up: its plan under way is abandoned, another epoch takes it up.
  await only.line(({ msg }) => msg === 'no longer leading')
  await server.restart()
  await Promise.all(submits)
  await reader.untilEnded(jobs)
  expect(reader.epoch).toBeGreaterThan(epoch!)
  expectOnce(reader, agent, jobs)
  only.signal('SIGTERM')
  expect(await only.exited).toBe(0)
})

it('stops with a message, not a stack, on flags that it does not know and on a broker that is not there', async () => {
  const unreachable = new SchedulerProcess({ nats: 'nats://127.0.0.1:1', data, id: 'x' })
  ends.push(() => unreachable.kill())
  expect(await unreachable.exited).not.toBe(0)
  expect(unreachable.lines).toContainEqual(expect.objectContaining({ msg: 'start failed' }))
  const misspelt = new SchedulerProcess({ nats: server.url, data, id: 'no such.id' })
  ends.push(() => misspelt.kill())
  expect(await misspelt.exited).toBe(2)
})
