/** One scheduler and one scripted agent in this process, over the memory broker: what is decided and told. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryCell } from '#eventlog'
import { newLogger } from '#runtime'
import { type DoneNotice, subjectsOf } from '#schemas'
import { Scheduler } from './scheduler.ts'
import { LogReader, snapshotsInMemory, submit, submitMany } from './testing/cell.ts'
import { ScriptedAgent } from './testing/scripted-agent.ts'

const subjects = subjectsOf('mr')
const logger = newLogger('scheduler', 'silent')
const endings: (() => Promise<void>)[] = []
let cell: MemoryCell

beforeEach(() => {
  cell = new MemoryCell()
})
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const client = async () => {
  const broker = await cell.connect('client')
  endings.push(() => broker.close())
  return { broker, reader: new LogReader(broker, subjects) }
}

const startScheduler = async (id = 'a', local = snapshotsInMemory()) => {
  const scheduler = new Scheduler({
    id,
    namespace: 'mr',
    logger,
    connect: async () => cell.connect(id),
    openSnapshots: () => local,
  })
  endings.push(() => scheduler.stop())
  await scheduler.start()
  return scheduler
}

const startAgent = async (host: string, options: Partial<ConstructorParameters<typeof ScriptedAgent>[0]> = {}) => {
  const broker = await cell.connect(host)
  const agent = new ScriptedAgent({ broker, subjects, host, ...options })
  endings.push(async () => {
    await agent.stop()
    await broker.close()
  })
  await agent.start()
  return agent
}

const doneOf = (broker: Awaited<ReturnType<typeof client>>['broker'], job: string) =>
  new Promise<DoneNotice>((resolve) => {
    broker.notices.subscribe(subjects.done(job), (_subject, bytes) =>
      resolve(JSON.parse(Buffer.from(bytes).toString())),
    )
  })

describe('one scheduler', () => {
  it('leads a fresh cell, places a job, ends it and tells those who wait after it is in the log', async () => {
    const { broker, reader } = await client()
    await startScheduler()
    const agent = await startAgent('h1')
    const done = doneOf(broker, 'job-1')
    await submit(broker, subjects, 'job-1')
    const notice = await done
    expect(notice).toMatchObject({ id: 'job-1', state: 'succeeded', exitCode: 0, attempt: 1 })
    const decided = await reader.until(({ seen }) => seen.find(({ event }) => event.type === 'finished'))
    expect(notice.seq).toBe(decided.sequence)
    expect(agent.spawned).toEqual(['job-1.1'])
    expect(agent.fenced).toBe(0)
  })

  it('starts the same submit once, in whatever way it comes twice', async () => {
    const { broker, reader } = await client()
    await startScheduler()
    const agent = await startAgent('h1')
    await submit(broker, subjects, 'twice')
    expect((await submit(broker, subjects, 'twice')).duplicate).toBe(true)
    await reader.untilEnded(['twice'])
    // Past the broker's window, as another message: the fold's own dedupe must hold.
    await submitMany(broker, subjects, 'again', ['twice', 'other'])
    await reader.untilEnded(['twice', 'other'])
    expect(agent.spawned).toEqual(['twice.1', 'other.1'])
    expect(reader.decisions().get('twice')).toHaveLength(1)
  })

  it('refuses another spec under the same id and lets the first one stand', async () => {
    const { broker, reader } = await client()
    await startScheduler()
    await startAgent('h1')
    await submit(broker, subjects, 'taken')
    await reader.untilEnded(['taken'])
    const bytes = Buffer.from(
      JSON.stringify({
        v: 1,
        id: 'other',
        source: 'test',
        time: 0,
        events: [{ type: 'submitted', job: 'taken', spec: { command: ['false'] } }],
      }),
    )
    await broker.log.append({ subject: subjects.job('taken', 'submitted'), id: 'other', bytes })
    const rejected = await reader.until(({ seen }) => seen.find(({ event }) => event.type === 'rejected'))
    expect(rejected.event).toMatchObject({ job: 'taken', reason: { code: 'id-taken' } })
  })

  it.each<[string, Buffer, string]>([
    ['bytes that are no JSON', Buffer.from([0xff, 0x00, 0x7b]), ''],
    [
      'a spec that does not fit',
      Buffer.from(
        '{"v":1,"id":"x","source":"s","time":0,"events":[{"type":"submitted","job":"bad","spec":{"command":"ls"}}]}',
      ),
      '/events/0/spec/command',
    ],
    [
      'another job than the subject says',
      Buffer.from(
        '{"v":1,"id":"x","source":"s","time":0,"events":[{"type":"submitted","job":"else","spec":{"command":["ls"]}}]}',
      ),
      '/events/0/job',
    ],
    ['a version of tomorrow', Buffer.from('{"v":9,"id":"x"}'), '/v'],
    [
      'a pointer of 200 kB, sixteen times',
      Buffer.from(
        JSON.stringify({
          v: 1,
          id: 'x',
          source: 's',
          time: 0,
          events: [
            { type: 'submitted', job: 'bad', spec: { command: ['ls'], env: { [`-${'x'.repeat(200_000)}`]: 1 } } },
          ],
        }),
      ),
      '',
    ],
    [
      'a spec that would fit into no order',
      Buffer.from(
        JSON.stringify({
          v: 1,
          id: 'x',
          source: 's',
          time: 0,
          events: [{ type: 'submitted', job: 'bad', spec: { command: ['ls', ...Array(4).fill('x'.repeat(65_000))] } }],
        }),
      ),
      '/events/0/spec',
    ],
  ])('answers %s by rejected and goes on', async (_, bytes, pointer) => {
    const { broker, reader } = await client()
    await startScheduler()
    await startAgent('h1')
    const done = doneOf(broker, 'bad')
    await broker.log.append({ subject: subjects.job('bad', 'submitted'), id: 'bad', bytes })
    await submit(broker, subjects, 'good')
    await reader.untilEnded(['bad', 'good'])
    const [rejected] = reader.decisions().get('bad')!
    expect(rejected).toMatchObject({ type: 'rejected' })
    if (pointer !== '')
      expect((rejected as { faults: unknown }).faults).toContainEqual(expect.objectContaining({ pointer }))
    expect(await done).toMatchObject({ id: 'bad', state: 'rejected' })
    expect(reader.decisions().get('good')).toMatchObject([{ type: 'finished', state: 'succeeded' }])
  })

  it('goes on over unknown subjects, foreign events and decisions that nobody may take', async () => {
    const { broker, reader } = await client()
    await startScheduler()
    const agent = await startAgent('h1')
    const forged = (epoch?: number) =>
      Buffer.from(
        JSON.stringify({
          v: 1,
          id: `forged-${epoch}`,
          source: 'mallory',
          time: 0,
          ...(epoch ? { epoch } : {}),
          events: [
            { type: 'assigned', job: 'ghost', attempt: 1, spec: { command: ['sh'] }, reason: { code: 'first-fit' } },
          ],
        }),
      )
    await broker.log.append({ subject: 'mr.job.$bad$.submitted', id: 'f1', bytes: Buffer.from('{}') })
    await broker.log.append({ subject: 'mr.control.coffee', id: 'f2', bytes: Buffer.from('[]') })
    await broker.log.append({ subject: subjects.orders('h1'), id: 'f3', bytes: forged() })
    await broker.log.append({ subject: subjects.orders('h1'), id: 'f4', bytes: forged(99_999) })
    await submit(broker, subjects, 'good')
    await reader.untilEnded(['good'])
    expect(agent.spawned).toEqual(['good.1'])
  })

  it('retries after its back-off without any event that wakes it', async () => {
    const { broker, reader } = await client()
    await startScheduler()
    const agent = await startAgent('h1', { outcome: (_job, attempt) => ({ exitCode: attempt === 1 ? 3 : 0 }) })
    await submit(broker, subjects, 'flaky', { command: ['x'], retries: { max: 1, initial: '50ms', jitter: 0 } })
    await reader.untilEnded(['flaky'])
    expect(agent.spawned).toEqual(['flaky.1', 'flaky.2'])
    expect(reader.decisions().get('flaky')).toMatchObject([
      { type: 'retrying' },
      { type: 'finished', state: 'succeeded' },
    ])
  })

  it('suspects a host that falls silent and gives its attempts up', async () => {
    const { broker, reader } = await client()
    await startScheduler()
    const agent = await startAgent('h1', { outcome: () => 'runs-on' })
    await submit(broker, subjects, 'cut-off', { command: ['x'], lostAfter: '100ms', onLost: 'fail' })
    await reader.until(({ seen }) => seen.some(({ event }) => event.type === 'started'))
    await agent.stop()
    await reader.untilEnded(['cut-off'])
    const types = reader.seen.filter(({ subject }) => subject === subjects.orders('h1')).map(({ event }) => event.type)
    expect(types).toEqual(['assigned', 'suspect', 'lost'])
  })
})

describe('two schedulers', () => {
  it('hand over at once when the leader stops on purpose, and fold the same state', async () => {
    const { broker, reader } = await client()
    const first = await startScheduler('a')
    await startAgent('h1')
    const second = await startScheduler('b')
    await submit(broker, subjects, 'one')
    await reader.untilEnded(['one'])
    expect([first.status().role, second.status().role]).toEqual(['leading', 'following'])
    await first.stop()
    await submit(broker, subjects, 'two')
    await reader.untilEnded(['two'])
    expect(second.status()).toMatchObject({ role: 'leading', epoch: reader.epoch })
    const third = await startScheduler('c')
    await reader.until(() => third.status().sequence === second.status().sequence)
    expect(third.stateHash()).toBe(second.stateHash())
  })
})
