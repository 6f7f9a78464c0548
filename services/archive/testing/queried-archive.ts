/** For tests: an archive in this process over the memory broker, with jobs of every kind to ask about. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, MemoryCell } from '#eventlog'
import { newLogger } from '#runtime'
import { positionOf, subjectsOf } from '#schemas'
import { LogScript } from '#store'
import { Archive } from '../archive.ts'

export const subjects = subjectsOf('mr')
export const jobsCount = 250
/** Ids of many jobs with a long command, oldest first. */
export const bulk = Array.from({ length: jobsCount }, (_, index) => `bulk-${String(index).padStart(3, '0')}`)

export type QueriedArchive = {
  broker: Broker
  /** What the archive has read. */
  log: LogScript
  /** Appends what was written to `log` since the given sequence. */
  append(after: number): Promise<void>
  /** Asks; `request` as JSON, or text as it is. Answers parsed JSON of any shape. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  ask(name: string, request?: unknown): Promise<any>
  stop(): Promise<void>
}

export const startQueriedArchive = async (): Promise<QueriedArchive> => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-archive-'))
  const broker = new MemoryCell().connect('test')
  const log = writeLog()
  const append = async (after: number) => {
    for (const { subject, id, bytes } of log.messages.slice(after)) await broker.log.append({ subject, id, bytes })
  }
  const ask = async (name: string, request: unknown = {}) => {
    const text = typeof request === 'string' ? Buffer.from(request, 'latin1') : Buffer.from(JSON.stringify(request))
    const answer = await broker.notices.request(subjects.query(name), text, 10_000)
    if (answer.length > 1024 * 1024) throw new Error(`The answer has ${answer.length} bytes.`)
    return JSON.parse(Buffer.from(answer).toString())
  }
  await append(0)
  const connect = async () => broker
  const archive = new Archive({ dataDir: folder, namespace: 'mr', connect, logger: newLogger('archive', 'silent') })
  await archive.start()
  await ask('hosts', { atLeastSequence: log.last })
  const stop = async () => {
    await archive.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { broker, log, append, ask, stop }
}

const writeLog = (): LogScript => {
  const log = new LogScript()
  log
    .lead()
    .join('h1', { capacity: { cpuMilli: 8000, memoryBytes: 0, custom: { gpu: 2 } } })
    .join('h2')
  log.submit('alpha', { labels: { team: 'x' }, queue: 'fast', cpus: 2, resources: { gpu: 1 } }, { actor: 'me' })
  log.submit('alphabet', { labels: { team: 'y', tier: '1' } })
  log.assign('h1', 'alpha').claim('h1', 'alpha').start('h1', 'alpha')
  log.assign('h2', 'alphabet').claim('h2', 'alphabet').exit('h2', 'alphabet', 1, { exitCode: 3 })
  log.finish('alphabet', 1, 'failed').ask({ type: 'cancel-requested', job: 'ghost' })
  log.raw(subjects.job('bad', 'submitted'), Buffer.from('{'))
  log.decide({ type: 'rejected', job: 'bad', submission: positionOf(log.last, 0), reason: { code: 'schema' } })
  const spec = { command: ['echo', 'x'.repeat(2_000)], labels: { part: 'bulk' } }
  for (let at = 0; at < jobsCount; at += 50) {
    const events = bulk.slice(at, at + 50).map((job) => ({ type: 'submitted' as const, job, spec }))
    log.put(subjects.batch(`b${at}`), events)
  }
  return log
}
