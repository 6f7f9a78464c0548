/** Lists of jobs: order, pages, filters, bad questions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobSummary } from '#schemas'
import { answerBytesMax } from './queries/page.ts'
import { bulk, jobsCount, type QueriedArchive, startQueriedArchive } from './testing/queried-archive.ts'

let archive: QueriedArchive
const ask: QueriedArchive['ask'] = (name, request) => archive.ask(name, request)

beforeAll(async () => {
  archive = await startQueriedArchive()
})
afterAll(() => archive.stop())

describe('jobs', () => {
  const all = async (request: Record<string, unknown>) => {
    const found: JobSummary[] = []
    let pages = 0
    for (let cursor: string | null | undefined; cursor !== null; pages++) {
      const answer = await ask('jobs', { ...request, ...(cursor === undefined ? {} : { cursor }) })
      found.push(...answer.jobs)
      cursor = answer.cursor
    }
    return { ids: found.map(({ id }) => id), found, pages }
  }
  const newestFirst = [...bulk.toReversed(), 'bad', 'alphabet', 'alpha']

  it('lists all, newest first, in pages, each once', async () => {
    for (const limit of [1_000, 253, 100, 7]) {
      const { ids, pages } = await all({ limit })
      expect(ids).toEqual(newestFirst)
      expect(pages).toBeGreaterThanOrEqual(Math.ceil(253 / limit))
    }
    expect((await ask('jobs')).jobs).toHaveLength(100)
  })

  it('cuts a page by its bytes', async () => {
    const answer = await ask('jobs', { limit: 1_000 })
    expect(answer.jobs.length).toBeLessThan(jobsCount)
    expect(JSON.stringify(answer.jobs).length).toBeLessThan(answerBytesMax)
    expect(answer.jobs[0].command[1]).toHaveLength(2_000)
  })

  it.each([
    [{ state: ['running'] }, ['alpha']],
    [{ state: ['failed', 'rejected'] }, ['bad', 'alphabet']],
    [{ state: [] }, []],
    [{ live: true, state: ['failed'] }, []],
    [{ live: true, queue: 'fast' }, ['alpha']],
    [{ queue: 'fast' }, ['alpha']],
    [{ queue: 'fast', state: ['failed'] }, []],
    [{ queue: 'default', state: ['failed'] }, ['alphabet']],
    [{ queue: 'none' }, []],
    [{ labels: { team: 'y' } }, ['alphabet']],
    [{ labels: { team: 'y', tier: '2' } }, []],
    [{ labels: { toString: 'x' } }, []],
    [{ labels: { part: 'bulk' }, live: true, limit: 60 }, bulk.toReversed()],
    [{ live: true }, [...bulk.toReversed(), 'alpha']],
  ])('filters by %j', async (request, expected) => {
    expect((await all(request)).ids).toEqual(expected)
  })

  it('shows what a list needs', async () => {
    const [alphabet] = (await ask('jobs', { state: ['failed'] })).jobs
    expect(alphabet).toMatchObject({
      id: 'alphabet',
      name: 'true',
      exitCode: 3,
      host: 'h2',
      command: ['true'],
      labels: { team: 'y' },
    })
  })

  it.each([
    { cursor: 'x' },
    { cursor: '-1' },
    { limit: 0 },
    { limit: 1_001 },
    { state: ['dancing'] },
    { state: 'queued' },
    { labels: ['x'] },
    { labels: { a: 1 } },
  ])('refuses %j', async (request) => {
    expect(await ask('jobs', request)).toMatchObject({ error: { code: 'bad-request' } })
  })
})
