/** Everything that can be asked of an archive but lists of jobs, bad questions too. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { positionOf } from '#schemas'
import { jobsCount, type QueriedArchive, startQueriedArchive, subjects } from './testing/queried-archive.ts'

let archive: QueriedArchive
const ask: QueriedArchive['ask'] = (name, request) => archive.ask(name, request)

beforeAll(async () => {
  archive = await startQueriedArchive()
})
afterAll(() => archive.stop())

describe('job', () => {
  it('gives the whole job with its spec as submitted', async () => {
    expect(await ask('job', { id: 'alpha' })).toMatchObject({
      id: 'alpha',
      state: 'running',
      actor: 'me',
      spec: { command: ['true'], cpus: 2, queue: 'fast' },
      attempts: [{ n: 1, host: 'h1', state: 'running', pid: 4711 }],
      seq: archive.log.last,
    })
    expect((await ask('job', { id: 'bulk-249' })).spec.command[1]).toHaveLength(2_000)
  })

  it('takes an exact id before a prefix, and an unambiguous prefix', async () => {
    expect((await ask('job', { id: 'alpha' })).id).toBe('alpha')
    expect((await ask('job', { id: 'alphab' })).id).toBe('alphabet')
  })

  it('shows a rejected job that has no spec', async () => {
    expect(await ask('job', { id: 'bad' })).toMatchObject({
      state: 'rejected',
      spec: { command: [] },
      reason: { code: 'schema' },
    })
  })

  it.each([
    ['al', 'ambiguous-id', /alpha, alphabet/],
    ['bulk-', 'ambiguous-id', /bulk-004, …/],
    ['nobody', 'not-found', /no job "nobody"/],
    ['ghost', 'not-found', /ghost/],
    ["x' OR 1=1 --", 'not-found', /./],
    ['~', 'not-found', /./],
    ['\u{10ffff}', 'not-found', /./],
  ])('answers %s with %s', async (id, code, message) => {
    expect(await ask('job', { id })).toEqual({ error: { code, message: expect.stringMatching(message) } })
  })
})

describe('events', () => {
  it('of a job, in order, with their positions', async () => {
    const { events, next, seq } = await ask('events', { job: 'alphabet' })
    expect(events.map((event: { type: string }) => event.type.split('.')[2])).toEqual([
      'submitted',
      'assigned',
      'claimed',
      'exited',
      'finished',
    ])
    expect(events[1]).toMatchObject({
      specversion: '1.0',
      subject: 'alphabet.1',
      position: positionOf(9, 0),
      data: { host: 'h2' },
      epoch: 1,
    })
    expect(next).toBe(positionOf(seq + 1, 0))
  })

  it('of a job by prefix, of one of which only the name is known, and of none', async () => {
    expect((await ask('events', { job: 'alphab' })).events).toHaveLength(5)
    expect((await ask('events', { job: 'ghost' })).events).toHaveLength(1)
    expect(await ask('events', { job: 'nobody' })).toMatchObject({ error: { code: 'not-found' } })
  })

  it('of a host, alone or of a job there', async () => {
    expect((await ask('events', { host: 'h2' })).events).toHaveLength(4)
    expect((await ask('events', { host: 'h2', job: 'alphabet' })).events).toHaveLength(3)
    expect((await ask('events', { host: 'h1', job: 'alphabet' })).events).toHaveLength(0)
    expect((await ask('events', { host: 'nobody' })).events).toEqual([])
  })

  it.each([{}, { host: 'h1' }, { job: 'alpha' }])('in pages without a gap: %j', async (filter) => {
    const whole = (await ask('events', { ...filter, limit: 1_000 })).events
    const paged: unknown[] = []
    for (let from = 0; ; ) {
      const answer = await ask('events', { ...filter, from, limit: 3 })
      paged.push(...answer.events)
      if (answer.events.length === 0) break
      expect(answer.next).toBeGreaterThan(from)
      from = answer.next
    }
    expect(paged.slice(0, whole.length)).toEqual(whole)
  })

  it('from within a commit, and cut by bytes', async () => {
    const from = positionOf(archive.log.last - 4, 10)
    const { events, next } = await ask('events', { from, limit: 1_000 })
    expect(events[0]).toMatchObject({ position: from, data: { job: 'bulk-010' } })
    const after = await ask('events', { from: next, limit: 1_000 })
    expect(events.length + after.events.length).toBe(jobsCount - 10)
  })

  it('from a time', async () => {
    const { events } = await ask('events', { limit: 1_000 })
    expect((await ask('events', { fromTimeMs: Date.parse(events[0].time) })).events[0]).toEqual(events[0])
    expect(await ask('events', { fromTimeMs: Date.now() + 1e9 })).toMatchObject({
      events: [],
      next: positionOf(archive.log.last + 1, 0),
    })
  })

  it('from beyond the end: nothing, and no way back', async () => {
    const from = positionOf(10_000, 0)
    expect(await ask('events', { from })).toMatchObject({ events: [], next: from })
  })
})

describe('hosts', () => {
  it('show what they hold and when they were heard', async () => {
    const body = { host: 'h1', incarnation: 'i1', bootId: 'b', at: 1_000, running: 1, waiting: 0, spool: 0 }
    const beat = () => archive.broker.beats.put(subjects.beat('h1'), Buffer.from(JSON.stringify(body)))
    await beat()
    await expect.poll(async () => (await ask('hosts')).hosts[0].lastBeatAt).toBe(new Date(1_000).toISOString())
    const before = Date.now()
    await beat()
    await expect.poll(async () => Date.parse((await ask('hosts')).hosts[0].lastBeatAt)).toBeGreaterThanOrEqual(before)
    const { hosts, cursor, seq } = await ask('hosts')
    expect({ cursor, seq }).toEqual({ cursor: null, seq: archive.log.last })
    expect(hosts).toMatchObject([
      {
        id: 'h1',
        state: 'up',
        reserved: { cpuMilli: 2_000, memoryBytes: 0, custom: { gpu: 1 } },
        attempts: [{ job: 'alpha', attempt: 1, state: 'running' }],
      },
      { id: 'h2', state: 'up', reserved: { cpuMilli: 0, memoryBytes: 0, custom: {} }, attempts: [], lastBeatAt: null },
    ])
    expect((await ask('hosts', { cursor: 'h1' })).hosts).toHaveLength(1)
  })

  it('take a beat of nonsense for a beat', async () => {
    await archive.broker.beats.put(subjects.beat('h2'), Buffer.from('nonsense'))
    await expect.poll(async () => (await ask('hosts')).hosts[1].lastBeatAt).not.toBeNull()
  })
})

it('status counts', async () => {
  const status = await ask('status')
  expect(status).toMatchObject({
    seq: archive.log.last,
    jobs: 253,
    counts: { queued: 250, running: 1, failed: 1, rejected: 1 },
  })
  expect(status.logCreatedMs).toBeGreaterThan(0)
})

describe('bad questions', () => {
  it.each([
    ['job', '{', /not JSON/],
    ['job', '\xff\xfe', /not JSON in UTF-8/],
    ['job', '"text"', /does not fit/],
    ['job', '', /does not fit/],
    ['job', { id: '' }, /\/id/],
    ['job', { id: 7 }, /\/id/],
    ['job', { id: 'x'.repeat(65) }, /\/id/],
    ['job', { id: 'alpha', atLeastSequence: -1 }, /atLeastSequence/],
    ['job', 'x'.repeat(70_000), /70000 bytes/],
    ['events', { from: 1.5 }, /\/from/],
    ['dance', {}, /no query "dance"/],
    ['constructor', {}, /no query/],
    ['__proto__', {}, /no query/],
  ])('%s %j', async (name, request, message) => {
    expect(await ask(name, request)).toEqual({
      error: { code: 'bad-request', message: expect.stringMatching(message) },
    })
  })
})

describe('atLeastSequence', () => {
  it('waits for what is on its way', async () => {
    const answer = ask('job', { id: 'late', atLeastSequence: archive.log.last + 1 })
    archive.log.submit('late')
    await archive.append(archive.log.last - 1)
    expect(await answer).toMatchObject({ id: 'late', state: 'queued' })
  })

  it('says so when it does not come', async () => {
    expect(await ask('jobs', { atLeastSequence: archive.log.last + 1_000 })).toMatchObject({
      error: { code: 'not-yet' },
    })
  })
})
