import { describe, expect, it } from 'vitest'
import { newCluster } from '#domain'
import type { Files, LogInfo, LogMessage } from '#eventlog'
import { newLogger, systemClock } from '#runtime'
import { encodeCommit, subjectsOf } from '#schemas'
import { Fold } from './fold.ts'
import { clusterHash, decodeSnapshot } from './snapshot-form.ts'
import { Snapshots, snapshotFile } from './snapshots.ts'
import { snapshotsInMemory } from './testing/cell.ts'

const subjects = subjectsOf('mr')
const silent = newLogger('test', 'silent')

const logOf = (jobs: number): LogMessage[] =>
  Array.from({ length: jobs }, (_, n) => {
    const job = `job-${n}`
    const id = `${job}/submitted`
    const events = [{ type: 'submitted' as const, job, spec: { command: ['echo', `${n}`], priority: n % 3 } }]
    const bytes = encodeCommit({ v: 1, id, source: 'test', time: 0, events })
    return { subject: subjects.job(job, 'submitted'), sequence: n + 1, timeMs: 1_000 + n, id, bytes }
  })

const folded = (messages: readonly LogMessage[], into = newFold()) => {
  for (const message of messages) if (message.sequence > into.sequence) into.message(message)
  return into
}
const nothing = { onJoined: () => {}, onFact: () => {}, onClaim: () => {}, onLiveEvent: () => {} }
const newFold = () => new Fold({ cluster: newCluster(), consumerFrom: new Map(), sequence: 0 }, subjects, nothing)

const world = (log: LogMessage[], createdMs = 77) => {
  const stored = new Map<string, Uint8Array>()
  const files: Files = {
    put: async (name, bytes) => void stored.set(name, bytes),
    get: async (name) => stored.get(name) ?? null,
    delete: async (name) => void stored.delete(name),
  }
  const local = snapshotsInMemory()
  const warnings: string[] = []
  const logger = Object.assign(Object.create(silent), { warn: ({ why }: { why: string }) => warnings.push(why) })
  const info: LogInfo = { first: 1, last: log.length, messages: log.length, bytes: 0, createdMs }
  const get = async (sequence: number) => log[sequence - 1] ?? null
  const open = () => new Snapshots({ log: { get }, files, local, clock: systemClock, logger })
  const takeAt = async (sequence: number, shared = false) => {
    const snapshots = open()
    await snapshots.load({ ...info, last: 0 })
    const fold = folded(log.slice(0, sequence))
    const last = log[sequence - 1]!
    await snapshots.take(fold, { id: last.id, timeMs: last.timeMs }, shared)
    return fold
  }
  return { stored, local, warnings, info, open, takeAt }
}

describe('Snapshots', () => {
  it('gives back the newest, and snapshot + tail is the full replay', async () => {
    const log = logOf(5_000)
    const { open, takeAt, info, warnings } = world(log)
    await takeAt(100)
    await takeAt(4_500)
    warnings.length = 0
    const start = await open().load(info)
    expect(start.sequence).toBe(4_500)
    const restored = folded(log, new Fold(start, subjects, nothing))
    expect(clusterHash(restored.cluster)).toBe(clusterHash(folded(log).cluster))
    expect(warnings).toEqual([])
  })

  it('takes the one of the object store when this machine has none', async () => {
    const { open, takeAt, info, local } = world(logOf(10))
    await takeAt(7, true)
    local.saved.length = 0
    expect((await open().load(info)).sequence).toBe(7)
  })

  it('starts from nothing when there is none', async () => {
    const start = await world(logOf(10))
      .open()
      .load(world(logOf(10)).info)
    expect(start).toMatchObject({ sequence: 0, last: null })
  })

  it('passes over a torn, a flipped and a foreign one, each with a warning, and takes the one before', async () => {
    const { open, takeAt, info, local, stored, warnings } = world(logOf(10))
    await takeAt(3)
    await takeAt(5)
    await takeAt(6)
    local.saved[0]!.bytes = local.saved[0]!.bytes.slice(0, -10)
    local.saved[1]!.bytes = new Uint8Array(64)
    stored.set(snapshotFile, Buffer.from('no gzip at all'))
    warnings.length = 0
    expect((await open().load(info)).sequence).toBe(3)
    expect(warnings).toHaveLength(3)
  })

  it('passes over one of another log, of a place that the log has not (or no longer) and of another history', async () => {
    const log = logOf(10)
    const { open, takeAt, info, warnings } = world(log)
    await takeAt(6)
    warnings.length = 0
    expect((await open().load({ ...info, createdMs: 78 })).sequence).toBe(0)
    expect((await open().load({ ...info, last: 5 })).sequence).toBe(0)
    log[5] = { ...log[5]!, id: 'rewritten' }
    expect((await open().load(info)).sequence).toBe(0)
    expect(warnings).toEqual([
      'it was folded from another log',
      'it is at sequence 6, the log ends at 5',
      'the log holds another message at sequence 6',
    ])
  })

  it('refuses to start from the middle of a log whose beginning is gone', async () => {
    const { open, takeAt, info } = world(logOf(10))
    await takeAt(4)
    await expect(open().load({ ...info, first: 6 })).rejects.toMatchObject({ code: 'log-trimmed' })
    expect((await open().load({ ...info, first: 5 })).sequence).toBe(4)
  })

  it('keeps the cluster still while it looks at it, no longer', async () => {
    const { open, info, local } = world(logOf(10))
    const snapshots = open()
    await snapshots.load(info)
    let taken = 0
    await snapshots.take(folded(logOf(10)), null, false, () => {
      taken++
      expect(local.saved).toHaveLength(0)
    })
    expect(taken).toBe(1)
    const { header } = await decodeSnapshot(local.saved[0]!.bytes)
    expect(header).toMatchObject({ sequence: 10, logCreatedMs: 77 })
  })
})
