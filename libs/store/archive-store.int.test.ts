/** The archive's database with a real SQLite file: what it keeps, and what a transaction that fails leaves. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { positionOf } from '#schemas'
import { ArchiveStore } from './archive-store.ts'
import { isStorageTrouble } from './errors.ts'
import { leafHash } from './leaf.ts'
import { LogScript, startMs, subjects } from './log-script.testing.ts'
import { tablesOf } from './tables.testing.ts'

let folder: string
let open: ArchiveStore[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-store-'))
})
afterEach(() => {
  for (const store of open) store.close()
  open = []
  rmSync(folder, { recursive: true, force: true })
})

const openStore = (name = 'archive.db', options: { cachedJobsMax?: number } = {}) => {
  const store = new ArchiveStore({ path: join(folder, name), namespace: 'mr', ...options })
  open.push(store)
  return store
}

const contents = (name: string) => tablesOf(join(folder, name))

/** Thirty jobs in all kinds of states, each event in a message of its own. */
const busyLog = () => {
  const log = new LogScript().lead().join('h1').join('h2')
  const ids = Array.from({ length: 30 }, (_, index) => `job-${index}`)
  for (const id of ids) log.submit(id, { queue: `q${id.length}`, cpus: 0.5, resources: { gpu: 1 } })
  ids.forEach((id, index) => {
    const host = index % 2 ? 'h1' : 'h2'
    if (index % 5 === 0) return
    log.assign(host, id)
    if (index % 5 > 1) log.claim(host, id).start(host, id)
    if (index % 5 > 2) log.exit(host, id, 1, { exitCode: index % 2 })
    if (index % 5 > 3) log.finish(id, 1, index % 2 ? 'failed' : 'succeeded')
  })
  return log.raw(subjects.job('bad', 'submitted'), Buffer.from('nonsense'))
}

describe('what it keeps', () => {
  it('is every message as it came, with its leaf hash', () => {
    const store = openStore()
    const log = busyLog()
    store.ingest(log.messages, startMs)
    for (const message of log.messages) {
      expect(store.log.get(message.sequence)).toEqual({ ...message, bytes: Buffer.from(message.bytes) })
      expect(leafHash(message).equals(store.log.leaf(message.sequence)!)).toBe(true)
    }
    expect(store.log.get(log.last + 1)).toBeNull()
    expect(store.checkpoint).toMatchObject({
      sequence: log.last,
      timeMs: startMs + log.last,
      logCreatedMs: startMs,
      malformed: 1,
    })
  })

  it('is the same whether the messages come one by one, in groups or at once, with many jobs in memory or few', () => {
    const { messages } = busyLog()
    const ingest = (name: string, size: number, cachedJobsMax: number) => {
      let store = openStore(name, { cachedJobsMax })
      for (let at = 0; at < messages.length; at += size) {
        store.ingest(messages.slice(at, at + size), startMs)
        if (at % (3 * size) !== 0) continue
        store.close()
        store = openStore(name, { cachedJobsMax })
      }
      store.close()
      return contents(name)
    }
    const whole = ingest('whole.db', messages.length, 1_000)
    expect(whole['jobs']).toHaveLength(30)
    expect(ingest('one-by-one.db', 1, 1_000)).toEqual(whole)
    expect(ingest('groups.db', 7, 2)).toEqual(whole)
  })

  it('counts jobs by state', () => {
    const store = openStore()
    for (const message of busyLog().messages) store.ingest([message], startMs)
    expect(store.counts()).toEqual({ queued: 6, assigned: 6, running: 12, succeeded: 3, failed: 3 })
  })

  it('finds the sequence of a time', () => {
    const store = openStore()
    expect(store.log.firstSequenceAt(startMs)).toBe(1)
    store.ingest(busyLog().messages, startMs)
    expect(store.log.firstSequenceAt(0)).toBe(1)
    expect(store.log.firstSequenceAt(startMs + 17)).toBe(17)
    expect(store.log.firstSequenceAt(startMs * 2)).toBe(busyLog().last + 1)
  })

  it('finds the events of a job and of a host', () => {
    const store = openStore()
    store.ingest(new LogScript().lead().join('h1').submit('a').assign('h1', 'a').claim('h1', 'a').messages, startMs)
    const { key } = store.readModel.job('a')!
    expect(store.log.positionsOfJob(key, 0, 10)).toEqual([3, 4, 5].map((sequence) => positionOf(sequence, 0)))
    expect(store.log.sequencesOfHost('h1', 3, 10)).toEqual([4, 5])
  })
})

describe('what a failing transaction leaves', () => {
  it('is nothing, after a gap', () => {
    const store = openStore()
    const { messages } = busyLog()
    store.ingest(messages.slice(0, 10), startMs)
    expect(() => store.ingest([messages[10]!, messages[12]!], startMs)).toThrow(/Message 13 does not follow message 11/)
    expect(store.checkpoint.sequence).toBe(10)
    store.ingest(messages.slice(5), startMs)
    expect(store.checkpoint.sequence).toBe(messages.length)
  })

  it('is nothing, when the disk is full; the same messages go in later', () => {
    const store = openStore()
    const { messages } = busyLog()
    store.ingest(messages.slice(0, 20), startMs)
    store.limitFileBytes(4096)
    const large = new LogScript().raw(subjects.job('big', 'submitted'), Buffer.alloc(200_000, 'x'))
    const next = [...messages.slice(20, 30), { ...large.messages[0]!, sequence: 31 }]
    let thrown: unknown
    try {
      store.ingest(next, startMs)
    } catch (error) {
      thrown = error
    }
    expect(isStorageTrouble(thrown)).toBe(true)
    expect(store.checkpoint.sequence).toBe(20)
    expect(store.readModel.job('job-3')).not.toBeNull()
    store.limitFileBytes(null)
    store.ingest(next, startMs)
    expect(store.checkpoint.sequence).toBe(31)
  })
})

it('refuses a file of another namespace', () => {
  const store = openStore()
  store.ingest(busyLog().messages, startMs)
  store.close()
  expect(() => new ArchiveStore({ path: join(folder, 'archive.db'), namespace: 'other' })).toThrow(/namespace "mr"/)
  openStore()
})
