import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectBroker } from '#eventlog'
import { subjectsOf } from '#schemas'
import { until } from '../support/until.ts'
import { startUp, type Up } from '../support/up.ts'

let up: Up
beforeAll(async () => {
  up = await startUp()
})
afterAll(async () => {
  await up[Symbol.asyncDispose]()
})

const errorOf = (text: string): { code: string; message: string; hint: string } =>
  JSON.parse(text.trim().split('\n').at(-1)!).error

describe('on the command line', () => {
  test.each([
    [['run', '--no-such-flag', '--', 'true'], 2],
    [['run'], 2],
    [['frobnicate'], 2],
    [['run', '--timeout', 'soon', '--', 'true'], 2],
    [['run', '--cpus', 'many', '--', 'true'], 2],
    [['run', '--memory', '12XB', '--', 'true'], 2],
    [['show', 'nosuchjob'], 3],
    [['cancel', 'nosuchjob'], 3],
    [['logs', 'nosuchjob'], 3],
    [['wait', 'nosuchjob', '--timeout', '5s'], 3],
  ])('millrace %j ends with %i and says what to do', async (args, exitCode) => {
    const run = await up.cli(args)
    expect(run.exitCode).toBe(exitCode)
    expect(run.stderr).toMatch(/^millrace: .+\./m)
    expect(run.stdout).toBe('')
  })

  test('a server that is not there', async () => {
    const run = await up.cli(['ps', '--server', 'http://127.0.0.1:9', '--json'])
    expect(run.exitCode).toBe(5)
    expect(errorOf(run.stderr)).toMatchObject({ code: 'no-server' })
  })

  test('a spec over the size limit', async () => {
    const job = {
      command: ['true'],
      env: Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`V${n}`, 'x'.repeat(30_000)])),
    }
    const run = await up.cli(['submit', '-f', '-', '--json'], { input: JSON.stringify(job) })
    expect(run.exitCode).toBe(4)
    expect(errorOf(run.stderr).message).toMatch(/bytes/)
  })

  test.each([['{"command": []}'], ['{"command": "true"}'], ['{"command": ["true"], "frobnicate": 1}'], ['{{{']])(
    'a job file of %s',
    async (input) => {
      const run = await up.cli(['submit', '-f', '-', '--json'], { input })
      expect([2, 4]).toContain(run.exitCode)
      expect(errorOf(run.stderr).message).not.toBe('')
    },
  )
})

describe('a command that can not be started', () => {
  const failure = async (args: string[]): Promise<any> => {
    const { stdout } = await up.cli(['submit', ...args])
    const id = stdout.trim()
    await up.cli(['wait', id, '--timeout', '60s'])
    return up.json(['show', id])
  }

  test('does not exist', async () => {
    expect(await failure(['--', '/no/such/program'])).toMatchObject({
      state: 'failed',
      reason: { code: 'spawn' },
      result: { cause: 'spawn', error: { code: 'ENOENT' } },
    })
  })
  test('may not be executed', async () => {
    const path = join(up.dataDir, 'not-executable')
    writeFileSync(path, '#!/bin/sh\n')
    chmodSync(path, 0o644)
    expect(await failure(['--', path])).toMatchObject({ result: { cause: 'spawn', error: { code: 'EACCES' } } })
  })
  test('its folder is missing, which is said', async () => {
    const job = await failure(['--cwd', '/no/such/folder', '--', 'true'])
    expect(job).toMatchObject({ result: { cause: 'spawn', error: { code: 'ENOENT' } } })
    expect(job.reason.text).toContain('/no/such/folder')
  })
  test('run says it and exits with 1', async () => {
    const run = await up.cli(['run', '--', '/no/such/program'])
    expect(run.exitCode).toBe(1)
    expect(run.stderr).toContain('/no/such/program')
  })
})

describe('published straight to the subject', () => {
  test('what does not fit its schema is rejected with JSON pointers, and the scheduler goes on', async () => {
    const broker = await connectBroker({ servers: up.ready.nats, name: 'test' })
    const subjects = subjectsOf('mr')
    const bad: [string, string, string][] = [
      ['bad-json', '{{{', 'schema'],
      [
        'bad-schema',
        '{"v":1,"id":"x","source":"t","time":0,"events":[{"type":"submitted","job":"bad-schema","spec":{"command":[]}}]}',
        'schema',
      ],
      ['bad-version', '{"v":7,"id":"x","source":"t","time":0,"events":[]}', 'unknown-version'],
      [
        'bad-type',
        '{"v":1,"id":"x","source":"t","time":0,"events":[{"type":"dreamt","job":"bad-type"}]}',
        'unknown-version',
      ],
    ]
    for (const [job, text] of bad) {
      await broker.log.append({ subject: subjects.job(job, 'submitted'), id: job, bytes: Buffer.from(text) })
    }
    await broker.log.append({ subject: 'mr.host.nobody.facts', id: 'binary', bytes: Uint8Array.from([0, 255, 254]) })
    await broker.close()
    for (const [job, , code] of bad) {
      const shown = await until(`${job} is rejected`, async () => {
        const { exitCode, stdout } = await up.cli(['show', job, '--json'])
        return exitCode === 0 ? JSON.parse(stdout) : null
      })
      expect(shown).toMatchObject({ state: 'rejected', reason: { code }, faults: [{ pointer: expect.any(String) }] })
    }
    expect((await up.cli(['run', '--', 'true'])).exitCode).toBe(0)
  })

  test('the same id twice: the same spec is the same job, another spec is refused', async () => {
    const input = '{"id":"twice","command":["true"]}'
    expect((await up.cli(['submit', '-f', '-'], { input })).stdout.trim()).toBe('twice')
    expect((await up.cli(['submit', '-f', '-'], { input })).stdout.trim()).toBe('twice')
    const other = await up.cli(['submit', '-f', '-', '--json'], { input: '{"id":"twice","command":["false"]}' })
    expect(other.exitCode).toBe(4)
    expect(errorOf(other.stderr).code).toBe('id-taken')
    expect(await up.json(['show', 'twice'])).toMatchObject({ spec: { command: ['true'] } })
  })

  test('a foreign CloudEvent runs like any other job', async () => {
    const broker = await connectBroker({ servers: up.ready.nats, name: 'test' })
    const event = {
      specversion: '1.0',
      id: 'f-1',
      source: 'elsewhere',
      type: 'millrace.job.submitted.v1',
      data: { spec: { command: ['echo', 'foreign'] } },
    }
    await broker.log.append({
      subject: 'mr.job.foreign.submitted',
      id: 'f-1',
      bytes: Buffer.from(JSON.stringify(event)),
    })
    await broker.close()
    await until('it is known', async () => (await up.cli(['show', 'foreign'])).exitCode === 0)
    expect((await up.cli(['wait', 'foreign', '--timeout', '60s'])).exitCode).toBe(0)
    expect((await up.cli(['logs', 'foreign'])).stdout).toBe('foreign\n')
  })
})
