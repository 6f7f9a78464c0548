import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { cliPath, processesOf, startUp } from '../support/up.ts'

describe('everything on one machine', () => {
  test('runs a job, remembers it after a restart, and leaves no process behind', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
    let id: string
    {
      await using up = await startUp({ dataDir })
      expect(Object.keys(up.ready.pids.agents)).toHaveLength(1)
      const run = await up.cli(['run', '--name', 'hello', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])
      expect(run).toEqual({ exitCode: 3, stdout: 'out\n', stderr: expect.stringContaining('err\n') })
      const { jobs } = await up.json(['ps', '--all'])
      id = jobs[0].id
      expect(jobs[0]).toMatchObject({ name: 'hello', state: 'failed', exitCode: 3 })
      expect(await up.stop('SIGINT')).toBe(0)
      expect(processesOf(dataDir)).toEqual([])
    }
    {
      await using up = await startUp({ dataDir })
      const job = await up.json(['show', id])
      expect(job).toMatchObject({ id, state: 'failed', result: { exitCode: 3, cause: 'exit' } })
      expect((await up.cli(['logs', id])).stdout).toBe('out\n')
      expect((await up.cli(['run', '--', 'true'])).exitCode).toBe(0)
    }
    rmSync(dataDir, { recursive: true, force: true })
  })

  test('two agents share the work, each with its own id and folder', async () => {
    await using up = await startUp({ args: ['--agents', '2'] })
    const hosts = await up.json(['hosts'])
    expect(hosts).toHaveLength(2)
    const [a, b] = hosts.map(({ id }: { id: string }) => id)
    for (const host of [a, b]) {
      const run = await up.cli(['run', '--host', host, '--', 'sh', '-c', 'echo $MILLRACE_HOST_ID'])
      expect(run.stdout).toBe(`${host}\n`)
    }
  })

  test('a second one on the same folder is refused, and harms nothing', async () => {
    await using up = await startUp()
    const second = await execa(process.execPath, [cliPath, 'up', '--json', '--data', up.dataDir, '--port', '0'], {
      reject: false,
    })
    expect(second.exitCode).toBe(4)
    expect(JSON.parse(second.stderr.trim().split('\n').at(-1)!)).toMatchObject({ error: { code: 'data-in-use' } })
    expect((await up.cli(['run', '--', 'true'])).exitCode).toBe(0)
  })

  test('a port that is taken is named, and nothing is left behind', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const { port } = server.address() as { port: number }
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
    const run = await execa(process.execPath, [cliPath, 'up', '--data', dataDir, '--port', String(port)], {
      reject: false,
    })
    expect(run.exitCode).toBe(4)
    expect(run.stderr).toContain(String(port))
    expect(processesOf(dataDir)).toEqual([])
    server.close()
    rmSync(dataDir, { recursive: true, force: true })
  })

  test('npm start: a first job with output and timeline, then it leaves', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
    const run = await execa(
      process.execPath,
      ['dist/services/cli/start.js', '--once', '--data', dataDir, '--port', '0'],
      { reject: false },
    )
    expect(run.stderr + run.stdout).toContain('succeeded')
    expect(run.exitCode).toBe(0)
    expect(existsSync(join(dataDir, 'logs'))).toBe(true)
    expect(processesOf(dataDir)).toEqual([])
    rmSync(dataDir, { recursive: true, force: true })
  })

  test('killed with SIGKILL, the next one takes over and cleans up', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
    const first = await startUp({ dataDir })
    const { stdout } = await first.cli(['submit', '--', 'sh', '-c', 'sleep 600'])
    const id = stdout.trim()
    await until('the job runs', async () => (await first.json(['show', id])).state === 'running')
    await first.stop('SIGKILL')
    {
      await using up = await startUp({ dataDir })
      expect((await up.json(['show', id])).id).toBe(id)
      await up.cli(['cancel', id, '--force'])
      await until('the job is cancelled', async () => (await up.json(['show', id])).state === 'cancelled')
    }
    expect(processesOf(dataDir)).toEqual([])
    rmSync(dataDir, { recursive: true, force: true })
  })
})
