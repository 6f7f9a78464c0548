/** The archive as a process, over a real nats-server: killed, doubled, cheated and starved, it keeps its place. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Broker, connectBroker, prepareStreams } from '#eventlog'
import { natsServerForTests, type TestServer } from '#nats-server'
import { type QueryAnswers, type QueryName, type QueryRequest, subjectsOf } from '#schemas'
import { ArchiveStore, LogScript, layForeignDatabase, tablesOf } from '#store'
import { archiveFile } from './archive.ts'
import { ArchiveProcess } from './testing/archive-process.ts'

const subjects = subjectsOf('mr')
let folder: string
let data: string
let server: TestServer
let broker: Broker
let processes: ArchiveProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-archive-'))
  data = join(folder, 'archive')
  server = await natsServerForTests()
  broker = await connectTo(server)
})

afterEach(async () => {
  for (const each of processes) await each.kill()
  processes = []
  await broker.close()
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const connectTo = async ({ url }: TestServer): Promise<Broker> => {
  await prepareStreams({ servers: url })
  return connectBroker({ servers: url, name: 'test' })
}

const startArchive = (nats = server.url, dataDir = data): ArchiveProcess => {
  const archive = new ArchiveProcess({ nats, data: dataDir })
  processes.push(archive)
  return archive
}

type Answer<N extends QueryName> = QueryAnswers[N] & { error?: { code: string } }

/** Asks until somebody answers. */
const ask = <N extends QueryName>(name: N, request: QueryRequest<N>): Promise<Answer<N>> =>
  vi.waitFor(
    async () => {
      const bytes = await broker.notices.request(subjects.query(name), Buffer.from(JSON.stringify(request)), 6_000)
      return JSON.parse(Buffer.from(bytes).toString()) as Answer<N>
    },
    { timeout: 60_000, interval: 50 },
  )

const reach = async (sequence: number): Promise<void> => {
  while ((await ask('hosts', { atLeastSequence: sequence })).error?.code === 'not-yet');
}

const append = async (log: LogScript, from = 0, to = log.last): Promise<void> => {
  for (let at = from; at < to; at += 32) {
    const messages = log.messages.slice(at, Math.min(at + 32, to))
    await Promise.all(
      messages.map(({ subject, id, bytes }, index) =>
        broker.log.append({ subject, id: id || `raw-${at + index}`, bytes }),
      ),
    )
  }
}

/** The whole life of some jobs, interleaved. */
const work = (log: LogScript, from: number, count: number): LogScript => {
  const ids = Array.from({ length: count }, (_, index) => `job-${from + index}`)
  for (const id of ids) log.submit(id, { labels: { batch: String(from) } })
  for (const id of ids) log.assign('h1', id)
  for (const id of ids) log.claim('h1', id).start('h1', id)
  for (const id of ids) log.exit('h1', id)
  for (const [index, id] of ids.entries()) if (index % 10) log.finish(id)
  return log
}

/** What an archive holds that has read the whole log in one go. */
const fullReplay = async (): Promise<Record<string, unknown[]>> => {
  const file = join(folder, 'replay.db')
  const store = new ArchiveStore({ path: file, namespace: 'mr' })
  const { createdMs } = await broker.log.info()
  await new Promise<void>((onCaughtUp, reject) => {
    const follow = broker.log.follow({
      from: 1,
      onMessages: (messages) => store.ingest(messages, createdMs),
      onCaughtUp,
    })
    follow.closed.catch(reject)
  })
  store.close()
  return tablesOf(file)
}

const stopped = async (archive: ArchiveProcess): Promise<void> => {
  archive.signal('SIGTERM')
  expect(await archive.exited).toEqual({ code: 0, signal: null })
}

describe('killed in the midst of load', () => {
  it('goes on exactly where it was, again and again', async () => {
    const log = work(new LogScript().lead().join('h1'), 0, 600)
    let archive = startArchive()
    await archive.ready
    const appending = append(log)
    for (const share of [0.1, 0.3, 0.5, 0.7]) {
      await reach(Math.floor(log.last * share))
      await archive.kill()
      archive = startArchive()
    }
    await appending
    await reach(log.last)
    expect(await ask('status', {})).toMatchObject({ seq: log.last, jobs: 600, counts: { succeeded: 540, running: 60 } })
    await stopped(archive)
    expect(tablesOf(archiveFile(data))).toEqual(await fullReplay())
  })

  it('goes on when the nats-server is killed and comes back', async () => {
    const log = work(new LogScript().lead().join('h1'), 0, 300)
    const archive = startArchive()
    await archive.ready
    const appending = append(log)
    for (const share of [0.2, 0.6]) {
      await reach(Math.floor(log.last * share))
      await server.kill()
      await server.restart()
    }
    await appending
    await reach(log.last)
    await stopped(archive)
    expect(tablesOf(archiveFile(data))).toEqual(await fullReplay())
  })
})

describe('a folder that it may not have', () => {
  it('is refused when another archive has it, which goes on', async () => {
    const first = startArchive()
    await first.ready
    const second = startArchive()
    expect(await second.exited).toEqual({ code: 1, signal: null })
    expect(second.lines).toContainEqual(
      expect.objectContaining({
        msg: 'start failed',
        code: 'in-use',
        hint: expect.stringMatching(/another data folder/),
      }),
    )
    expect(JSON.stringify(second.lines)).toContain(`process ${first.pid}`)
    await append(new LogScript().lead())
    await reach(1)
  })

  it('is refused when a foreign database lies there', async () => {
    mkdirSync(data)
    layForeignDatabase(archiveFile(data))
    const archive = startArchive()
    expect(await archive.exited).toEqual({ code: 1, signal: null })
    await expect(archive.line(({ code }) => code === 'foreign-database')).resolves.toMatchObject({
      msg: 'start failed',
    })
  })
})

describe('a log that is not the one it knows', () => {
  const first = work(new LogScript().lead().join('h1'), 0, 5)
  const ingested = async () => {
    const archive = startArchive()
    await append(first)
    await reach(first.last)
    return archive
  }
  const rewound = (archive: ArchiveProcess, text: RegExp) =>
    expect(
      archive.line(({ code, err }) => (code ?? (err as { code?: string })?.code) === 'log-rewound'),
    ).resolves.toMatchObject({
      err: { message: expect.stringMatching(text) },
    })

  it('is noticed at the start, when it is shorter', async () => {
    await stopped(await ingested())
    await using fresh = await natsServerForTests()
    await (await connectTo(fresh)).close()
    const archive = startArchive(fresh.url)
    await rewound(archive, /up to message 31, but it ends at 0/)
    expect(await archive.exited).toEqual({ code: 1, signal: null })
  })

  it('is noticed at the start, when it is as long and says something else', async () => {
    await stopped(await ingested())
    await using fresh = await natsServerForTests()
    await broker.close()
    broker = await connectTo(fresh)
    await append(work(new LogScript().lead().join('h1'), 100, 6))
    const archive = startArchive(fresh.url)
    await rewound(archive, /another message there/)
    expect(await archive.exited).toEqual({ code: 1, signal: null })
  })

  it('is noticed while it runs, when the broker comes back without its store', async () => {
    const archive = await ingested()
    await server.stop()
    rmSync(server.dataDir, { recursive: true, force: true })
    await server.restart()
    await prepareStreams({ servers: server.url })
    await rewound(archive, /ends at 0/)
    expect(await archive.exited).toEqual({ code: 1, signal: null })
  })
})

describe('a full disk', () => {
  const prlimit = (pid: number, bytes: string) => execa('prlimit', ['--pid', String(pid), `--fsize=${bytes}`])

  it('stops the ingest, not the answers; it goes on when there is room', async () => {
    const archive = startArchive()
    const log = work(new LogScript().lead().join('h1'), 0, 20)
    const before = log.last
    await append(log)
    await reach(before)
    await prlimit(archive.pid, '20000:unlimited')
    work(log, 20, 200)
    await append(log, before)
    await archive.line(({ msg }) => /the disk takes no writes/.test(msg))
    expect(await ask('job', { id: 'job-1' })).toMatchObject({ id: 'job-1', state: 'succeeded' })
    expect((await ask('status', {})).seq).toBeLessThan(log.last)
    await prlimit(archive.pid, 'unlimited:unlimited')
    await reach(log.last)
    await archive.line(({ msg }) => /takes writes again/.test(msg))
    await stopped(archive)
    expect(tablesOf(archiveFile(data))).toEqual(await fullReplay())
  })
})
