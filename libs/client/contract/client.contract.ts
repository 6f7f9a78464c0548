/**
 * What every way to the cell must do, whichever it is: run by client.unit.test.ts over NATS (memory) and over HTTP
 * (a gateway on a port of its own). `command[0]` chooses the script of a job.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Broker } from '#eventlog'
import type { JobSpec } from '#schemas'
import type { Client } from '../client.ts'
import { type ClientError, JobFailedError } from '../errors.ts'
import { type Script, StandIn } from '../testing/stand-in.ts'
import type { OutputPiece } from '../transport.ts'

const long = `${'0123456789'.repeat(1000)}\n`
const scripts: Record<string, (attempt: number) => Script> = {
  true: () => ({}),
  echo: () => ({ stdout: 'hello\n', stderr: 'oh\n' }),
  false: () => ({ exitCode: 3, stderr: 'it went wrong\n' }),
  long: () => ({ stdout: long, shipped: [3000, 3000] }),
  hold: () => ({ hold: true }),
  holdLong: () => ({ stdout: long, shipped: [5000], hold: true }),
  flaky: (attempt) => (attempt === 1 ? { exitCode: 1, stdout: 'one\n' } : { stdout: 'two\n' }),
}
export const scriptOf = (spec: JobSpec, attempt: number): Script => scripts[spec.command[0]!]?.(attempt) ?? {}

/** Waits that a test can afford. */
export const shortWaits = { checkMs: 100, archiveMs: 200, stragglerMs: 200 }

/** A broker with empty streams, in memory or real. */
export type Cell = { connect: (name: string) => Broker | Promise<Broker>; close?: () => Promise<void> }
export type World = { standIn: StandIn; client: Client; close: () => Promise<void> }
export type Connect = (cell: Cell) => Promise<{ client: Client; close: () => Promise<void> }>

const collect = async (pieces: AsyncIterable<OutputPiece>) => {
  const all: OutputPiece[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}
const textOf = (pieces: OutputPiece[], stream: string) =>
  Buffer.concat(pieces.filter((p) => p.stream === stream).map((p) => p.bytes)).toString()
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: ClientError) => error.code,
  )

export const clientContract = (name: string, newCell: () => Cell | Promise<Cell>, connect: Connect): void => {
  describe(`client over ${name}`, () => {
    let world: World
    beforeEach(async () => {
      const cell = await newCell()
      const broker = await cell.connect('stand-in')
      const { client, close } = await connect(cell)
      world = {
        standIn: new StandIn(broker, scriptOf),
        client,
        async close() {
          await close()
          await broker.close()
          await cell.close?.()
        },
      }
    })
    afterEach(() => world.close())

    test('submit and result of a job that succeeds', async () => {
      const job = await world.client.submit({ command: ['true'], name: 'a' }, { actor: 'ada' })
      expect(job.duplicate).toBe(false)
      expect(await job.result()).toMatchObject({ id: job.id, state: 'succeeded', exitCode: 0 })
      expect(await world.client.get(job.id)).toMatchObject({ name: 'a', actor: 'ada', state: 'succeeded' })
    })

    test('result of a job that fails has cause, exit code and the tail of stderr', async () => {
      const job = await world.client.submit({ command: ['false'] })
      const error = await job.result().catch((e) => e)
      expect(error).toBeInstanceOf(JobFailedError)
      expect(error).toMatchObject({ exitCode: 3, cause: 'exit', stderrTail: 'it went wrong\n', state: 'failed' })
      expect(await job.wait()).toMatchObject({ state: 'failed' })
    })

    test('a wait over its time says so, and the job goes on', async () => {
      const job = await world.client.submit({ command: ['hold'] })
      expect(await codeOf(job.wait({ timeout: 20 }))).toBe('timed-out')
      await world.standIn.release(job.id)
      expect((await job.wait()).state).toBe('succeeded')
    })

    test('a late handle and one whose notice was missed learn the end from the archive', async () => {
      const job = await world.client.submit({ command: ['true'] })
      await job.wait()
      expect((await world.client.job(job.id).wait()).state).toBe('succeeded')
      world.standIn.missNotices = true
      const quiet = await world.client.submit({ command: ['true'] })
      while (world.standIn.jobs.get(quiet.id)?.state !== 'succeeded') await new Promise((r) => setImmediate(r))
      expect((await quiet.wait()).state).toBe('succeeded')
    })

    test('waiting for a job that does not exist is not-found', async () => {
      expect(await codeOf(world.client.job('nothing').wait())).toBe('not-found')
      expect(await codeOf(world.client.get('nothing'))).toBe('not-found')
      expect(await codeOf(collect(world.client.job('nothing').output()))).toBe('not-found')
    })

    test('a spec that does not fit is refused with JSON pointers', async () => {
      const refusal = (spec: unknown) => world.client.submit(spec as JobSpec).catch((e: ClientError) => e)
      expect(await refusal({ command: [] })).toMatchObject({ code: 'refused', faults: [{ pointer: '/command' }] })
      expect(await refusal({ command: ['a'], nope: 1 })).toMatchObject({ faults: [{ pointer: '/nope' }] })
      expect(await refusal({ command: [''] })).toMatchObject({ faults: [{ pointer: '/command/0' }] })
      expect(await refusal({ command: Array(40).fill('x'.repeat(4000)) })).toMatchObject({ code: 'refused' })
      expect(await refusal('text')).toMatchObject({ code: 'refused' })
      const many = await world.client.submitMany([{ command: ['true'] }, { command: [] }]).catch((e: ClientError) => e)
      expect(many).toMatchObject({ code: 'refused', faults: [{ pointer: '/jobs/1/command' }] })
      expect(world.standIn.jobs.size).toBe(0)
    })

    test('the same id: same spec is the same job, another spec is id-taken', async () => {
      const first = await world.client.submit({ command: ['true'], env: { A: '1', B: '2' } }, { id: 'mine' })
      const again = await world.client.submit({ env: { B: '2', A: '1' }, command: ['true'] }, { id: 'mine' })
      expect(again).toMatchObject({ id: 'mine', duplicate: true, seq: first.seq })
      expect(await codeOf(world.client.submit({ command: ['echo'] }, { id: 'mine' }))).toBe('id-taken')
      expect((await again.result()).state).toBe('succeeded')
    })

    test('an id that was used in a batch is taken too', async () => {
      await world.client.submitMany([{ command: ['true'], id: 'in-batch' }, { command: ['true'] }])
      expect(await world.client.submit({ command: ['true'] }, { id: 'in-batch' })).toMatchObject({ duplicate: true })
      expect(await codeOf(world.client.submit({ command: ['echo'] }, { id: 'in-batch' }))).toBe('id-taken')
    })

    test('the same idempotency key is the same job', async () => {
      const one = await world.client.submit({ command: ['true'] }, { idempotencyKey: 'Ä key' })
      const two = await world.client.submit({ command: ['true'] }, { idempotencyKey: 'Ä key' })
      expect(two.id).toBe(one.id)
      expect(one.id).toMatch(/^k[0-9a-z]{25}$/)
      expect(await codeOf(world.client.submit({ command: ['echo'] }, { idempotencyKey: 'Ä key' }))).toBe('id-taken')
      const batch = () =>
        world.client.submitMany([{ command: ['true'] }, { command: ['echo'] }], { idempotencyKey: 'b' })
      expect((await batch()).map((job) => job.id)).toEqual((await batch()).map((job) => job.id))
      expect(world.standIn.jobs.size).toBe(3)
    })

    test('many jobs travel in few messages, and all can be awaited', async () => {
      const specs = Array.from({ length: 500 }, (_, n) => ({
        command: ['true'],
        name: `n${n}`,
        stdin: 'x'.repeat(1000),
      }))
      const jobs = await world.client.submitMany(specs)
      expect(new Set(jobs.map((job) => job.id)).size).toBe(500)
      const done = await world.client.waitAll(jobs)
      expect(done.every(({ state }, n) => state === 'succeeded' && done[n]!.id === jobs[n]!.id)).toBe(true)
      const submissions = world.standIn.messages.filter(({ subject }) => subject.startsWith('mr.batch.'))
      expect(submissions.length).toBe(3)
    })

    test('output that travels only in the tails', async () => {
      const job = await world.client.submit({ command: ['echo'] })
      const pieces = await collect(job.output())
      expect(textOf(pieces, 'stdout')).toBe('hello\n')
      expect(textOf(pieces, 'stderr')).toBe('oh\n')
      expect(await job.text()).toBe('hello\n')
    })

    test('output in chunks and a tail is joined without gap or repeat', async () => {
      const job = await world.client.submit({ command: ['long'] })
      const pieces = await collect(job.output())
      expect(textOf(pieces, 'stdout')).toBe(long)
      expect(pieces.some((piece) => piece.missing)).toBe(false)
      expect(textOf(await collect(job.output({ follow: false })), 'stdout')).toBe(long)
    })

    test('output comes while the job runs', async () => {
      const job = await world.client.submit({ command: ['holdLong'] })
      const pieces: OutputPiece[] = []
      for await (const piece of job.output()) {
        if (pieces.length === 0) {
          expect(world.standIn.jobs.get(job.id)!.state).toBe('running')
          void world.standIn
            .ship(job.id, 1, 'out', 5000, long.slice(5000, 6000))
            .then(() => world.standIn.release(job.id))
        }
        pieces.push(piece)
      }
      expect(textOf(pieces, 'stdout')).toBe(long)
    })

    test('what was never shipped is told as missing', async () => {
      const job = await world.client.submit({ command: ['holdLong'] })
      await world.standIn.release(job.id)
      const pieces = await collect(job.output())
      expect(pieces.at(-1)).toMatchObject({ missing: Buffer.byteLength(long) - 4096 - 5000 })
    })

    test('output of all attempts in order, of one, and of the last', async () => {
      const job = await world.client.submit({ command: ['flaky'], retries: 2 })
      const all = await collect(job.output())
      expect(all.map((piece) => [piece.attempt, Buffer.from(piece.bytes).toString()])).toEqual([
        [1, 'one\n'],
        [2, 'two\n'],
      ])
      expect(textOf(await collect(job.output({ attempt: 1 })), 'stdout')).toBe('one\n')
      expect(textOf(await collect(job.output({ attempt: 'last', follow: false })), 'stdout')).toBe('two\n')
      const after = { attempt: 2, stdoutBytes: 2, stderrBytes: 0 }
      expect(textOf(await collect(job.output({ after })), 'stdout')).toBe('o\n')
    })

    test('cancel', async () => {
      const job = await world.client.submit({ command: ['hold'] })
      while (world.standIn.jobs.get(job.id)?.state !== 'running') await new Promise((r) => setImmediate(r))
      await job.cancel('no longer needed')
      const error = await job.result().catch((e) => e)
      expect(error).toMatchObject({ state: 'cancelled', signal: 'SIGTERM' })
      await world.client.job(job.id).cancel()
      const ended = await world.client.submit({ command: ['true'] })
      await ended.wait()
      expect(await codeOf(world.client.job(ended.id).cancel())).toBe('wrong-state')
      expect(await codeOf(world.client.job('nothing').cancel())).toBe('not-found')
    })

    test('retry of an ended job is a new job that says whose repetition it is', async () => {
      const job = await world.client.submit({ command: ['false'] })
      expect(await codeOf(job.retry())).toMatch(/none|wrong-state/)
      await job.wait()
      const again = await job.retry()
      expect(again.id).not.toBe(job.id)
      expect((await again.view()).spec).toEqual({ command: ['false'], retryOf: job.id })
    })

    test('retry of a job that waits to be retried tries it at once', async () => {
      const job = await world.client.submit({ command: ['flaky'], retries: 1, labels: { 'hold-retry': 'yes' } })
      while (world.standIn.jobs.get(job.id)?.state !== 'retrying') await new Promise((r) => setImmediate(r))
      expect((await job.retry()).id).toBe(job.id)
      expect((await job.wait()).attempt).toBe(2)
    })

    test('list, a page at a time, and prefixes of ids', async () => {
      const jobs = await world.client.submitMany([{ command: ['true'] }, { command: ['false'] }, { command: ['true'] }])
      await world.client.waitAll(jobs)
      const first = await world.client.list({ limit: 2 })
      expect(first.jobs.map((job) => job.id)).toEqual([jobs[2]!.id, jobs[1]!.id])
      const second = await world.client.list({ limit: 2, cursor: first.cursor! })
      expect(second).toMatchObject({ cursor: null, jobs: [{ id: jobs[0]!.id, exitCode: 0 }] })
      expect((await world.client.list({ state: ['failed'] })).jobs).toHaveLength(1)
      await world.client.submit({ command: ['true'] }, { id: 'zebra' })
      expect((await world.client.get('zeb')).id).toBe('zebra')
      expect(await world.client.hosts()).toEqual([])
    })

    test('events of a job, then live ones, without gap or repeat', async () => {
      const job = await world.client.submit({ command: ['true'] })
      await job.wait()
      const past: string[] = []
      for await (const event of world.client.events({ job: job.id })) past.push(event.type)
      expect(past.map((type) => type.split('.')[2])).toEqual([
        'submitted',
        'assigned',
        'claimed',
        'started',
        'exited',
        'finished',
      ])
      const positions: number[] = []
      const jobs = new Set<unknown>()
      for await (const event of world.client.events({ follow: true })) {
        if (positions.length === 0) void world.client.submitMany([{ command: ['true'] }, { command: ['true'] }])
        positions.push(event.position)
        if (event.type === 'millrace.job.finished.v1') jobs.add(event.data['job'])
        if (jobs.size === 3) break
      }
      expect(positions).toEqual([...positions].sort((a, b) => a - b))
      expect(new Set(positions).size).toBe(positions.length)
      expect(positions.length).toBe(18)
    })

    test('without an archive a read says so, and submitting still works', async () => {
      await world.standIn.pause()
      const job = await world.client.submit({ command: ['true'] })
      expect(await codeOf(world.client.list())).toBe('archive-unreachable')
      world.standIn.resume()
      expect((await job.wait()).state).toBe('succeeded')
    })
  })
}
