/** The command line in one process: real commands and a real gateway over a memory cell; only scheduler and hosts are scripted. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MemoryCell } from '#eventlog'
import { scriptOf, shortWaits } from '../../libs/client/contract/client.contract.ts'
import { StandIn } from '../../libs/client/testing/stand-in.ts'
import { runCommandLine } from '../../services/cli/program.ts'
import { buildGateway } from '../../services/gateway/index.ts'

let cell: MemoryCell
let standIn: StandIn
let app: FastifyInstance
let url: string
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
  cell = new MemoryCell()
  standIn = new StandIn(cell.connect('stand-in'), scriptOf)
  app = await buildGateway(cell.connect('gateway'), { waits: shortWaits })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

const millrace = async (...args: string[]) => {
  let stdout = ''
  let stderr = ''
  const sink = (add: (text: string) => void) => ({
    write: (text: string | Uint8Array) => add(typeof text === 'string' ? text : Buffer.from(text).toString()),
  })
  const exitCode = await runCommandLine(args, {
    stdout: sink((text) => {
      stdout += text
    }),
    stderr: sink((text) => {
      stderr += text
    }),
    env: { MILLRACE_URL: url, MILLRACE_ACTOR: 'tester' },
  })
  return { exitCode, stdout, stderr }
}
const file = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('run', () => {
  test('streams both streams and ends with the job’s own code', async () => {
    expect(await millrace('run', '--', 'echo')).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: 'oh\n' })
    expect(await millrace('run', '--', 'false')).toEqual({ exitCode: 3, stdout: '', stderr: 'it went wrong\n' })
  })

  test('a signal is 128 and its number', async () => {
    const running = millrace('run', '--id', 'held', '--', 'hold')
    await standIn.release('held', { signal: 'SIGKILL' })
    expect((await running).exitCode).toBe(137)
  })

  test('with --json: the job, its output, its end, a line each', async () => {
    const { stdout } = await millrace('run', '--json', '--', 'echo')
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ job: { duplicate: false } })
    expect(
      lines
        .slice(1, -1)
        .map(({ stream }) => stream)
        .sort(),
    ).toEqual(['stderr', 'stdout'])
    expect(lines.at(-1)).toMatchObject({ done: { state: 'succeeded', exitCode: 0 } })
  })

  test('the interrupt cancels the job and says so', async () => {
    const before = new Set(process.listeners('SIGINT'))
    const running = millrace('run', '--id', 'interrupted', '--', 'hold')
    while (standIn.jobs.get('interrupted')?.state !== 'running') await new Promise((done) => setImmediate(done))
    const ours = process.listeners('SIGINT').filter((listener) => !before.has(listener))
    expect(ours).toHaveLength(1)
    ours[0]!('SIGINT')
    const { exitCode, stderr } = await running
    expect(exitCode).toBe(143)
    expect(stderr).toContain('millrace: cancelling job interrupted')
    expect(stderr).toContain('was cancelled')
    expect(process.listeners('SIGINT')).toHaveLength(before.size)
  })
})

describe('submit', () => {
  test('flags become a spec', async () => {
    const { stdout, stderr } = await millrace(
      ...['submit', '--name', 'n', '--queue', 'q', '--priority', '-3', '--cpus', '0.5', '--memory', '64MiB'],
      ...[
        '--resource',
        'gpu=2',
        '--resource',
        'license=1',
        '--timeout',
        '5m',
        '--retries',
        '3',
        '--backoff',
        '1s:2:5m',
      ],
      ...['--host', 'h', '--label', 'a=b', '--label', 'c=d=e', '--env', 'X=1', '--on-disconnect', 'replace'],
      ...['--grace', '3s', '--cwd', '/tmp', '--env-file', file('env', '# c\nexport Y="2 3"\n\nX=0\n')],
      ...['--stdin', file('in', 'ü\n'), '--shell', '--', 'true', '&&', 'true'],
    )
    expect(stderr).toBe('')
    const { stdout: shown } = await millrace('show', stdout.trim(), '--json')
    expect(JSON.parse(shown)).toMatchObject({
      actor: 'tester',
      spec: {
        command: ['sh', '-c', 'true && true'],
        name: 'n',
        queue: 'q',
        priority: -3,
        cpus: 0.5,
        memory: '64MiB',
        resources: { gpu: 2, license: 1 },
        timeout: '5m',
        retries: { max: 3, initial: '1s', factor: 2, longest: '5m' },
        host: 'h',
        labels: { a: 'b', c: 'd=e' },
        env: { X: '1', Y: '2 3' },
        cwd: '/tmp',
        stdin: 'ü\n',
        grace: '3s',
        onDisconnect: 'replace',
      },
    })
  })

  test('files: JSON, YAML, NDJSON, lists', async () => {
    const json = await millrace('submit', '-f', file('a.json', '{"id":"a","command":["true"]}'), '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ id: 'a', duplicate: false })
    const yaml = file('b.yaml', 'id: b\ncommand: [echo]\n---\nid: c\ncommand:\n  - "true"\n')
    expect((await millrace('submit', '-f', yaml)).stdout).toBe('b\nc\n')
    const ndjson = file('d.ndjson', '{"id":"d","command":["true"]}\n\n{"id":"e","command":["true"]}\n')
    expect((await millrace('submit', '-f', ndjson, '--queue', 'night')).stdout).toBe('d\ne\n')
    expect(standIn.jobs.get('e')?.queue).toBe('night')
    expect((await millrace('submit', '-f', file('f.json', '[{"id":"f","command":["true"]}]'))).stdout).toBe('f\n')
  })

  test('bad files say what is wrong, and nothing of them is submitted', async () => {
    const cases: [string, string, string][] = [
      ['a.json', '{"command":', 'is not JSON'],
      ['b.ndjson', '{"command":["true"]}\n{"command":', 'Line 2'],
      ['c.yaml', 'command: [', 'is not YAML'],
      ['d.json', '', 'is empty'],
      ['e.json', '[]', 'holds no job'],
      ['f.json', '[{"command":["true"]},{"command":[]}]', '/command'],
      ['g.json', '3', 'Expected an object'],
    ]
    for (const [name, text, message] of cases) {
      const run = await millrace('submit', '-f', file(name, text), '--json')
      expect([name, run.exitCode]).toEqual([name, 4])
      expect(JSON.parse(run.stderr).error.message).toContain(message)
    }
    expect(standIn.jobs.size).toBe(0)
  })
})

describe('failures', () => {
  test.each([
    [['run'], 2, 'There is no command'],
    [['run', '--nope', '--', 'true'], 2, "unknown option '--nope'"],
    [['frobnicate'], 2, "unknown command 'frobnicate'"],
    [['ps', '--limit', 'x'], 2, 'Expected an integer'],
    [['run', '--timeout', 'soon', '--', 'true'], 2, 'Expected a duration'],
    [['run', '--env-file', '/no/such', '--', 'true'], 2, 'can’t be read'],
    [['run', '--backoff', '1s', '--', 'true'], 2, '--backoff needs --retries'],
    [['show', 'nosuchjob'], 3, 'nosuchjob'],
    [['show', '!'], 3, '!'],
    [['wait', 'nosuchjob'], 3, 'nosuchjob'],
    [['logs', 'nosuchjob'], 3, 'nosuchjob'],
    [['retry', 'nosuchjob'], 3, 'nosuchjob'],
    [['submit', '--id', 'a b', '--', 'true'], 4, 'Expected 1 to 64'],
    [['submit', '--', ''], 4, 'program name is empty'],
    [['ps', '--server', 'http://127.0.0.1:9'], 5, 'can’t be reached at http://127.0.0.1:9'],
    [['show', ''], 3, 'There is no job'],
    [['ps', '--server', 'nonsense'], 2, 'is no http address'],
  ])('millrace %j exits %i', async (args, exitCode, text) => {
    const run = await millrace(...args)
    expect(run.stderr).toMatch(/^millrace: .+\.\n$/s)
    expect(run.stderr).toContain(text)
    expect(run).toMatchObject({ exitCode, stdout: '' })
    const json = await millrace(args[0]!, '--json', ...args.slice(1))
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: expect.any(String), hint: expect.any(String) } })
    expect(json.exitCode).toBe(exitCode)
  })

  test('help is no failure, nothing at all is one', async () => {
    const help = await millrace('--help')
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    for (const name of ['up', 'run', 'submit', 'wait', 'ps', 'show', 'logs', 'cancel', 'retry', 'events', 'hosts'])
      expect(help.stdout).toContain(`\n  ${name} `)
    for (const name of ['doctor', 'scheduler', 'agent', 'archive', 'gateway']) expect(help.stdout).toContain(name)
    expect((await millrace('run', '--help')).stdout).toContain('--idempotency-key')
    expect((await millrace()).exitCode).toBe(2)
  })
})

describe('reading', () => {
  test('wait: 0 when all succeeded, 1 when some did not, 124 when the time is over', async () => {
    for (const [id, command] of [
      ['ok', 'true'],
      ['bad', 'false'],
      ['slow', 'hold'],
    ] as const)
      await millrace('submit', '--id', id, '--', command)
    expect(await millrace('wait', 'ok')).toEqual({ exitCode: 0, stdout: 'ok  succeeded\n', stderr: '' })
    expect((await millrace('wait', 'ok', 'bad')).exitCode).toBe(1)
    const late = await millrace('wait', 'slow', '--timeout', '50ms')
    expect(late.exitCode).toBe(124)
    await standIn.release('slow')
    expect((await millrace('wait', 'slo', '--json')).stdout).toContain('"state":"succeeded"')
  })

  test('ps, show, events and hosts for people and for programs', async () => {
    await millrace('submit', '--id', 'one', '--name', 'name\u001b[31m', '--', 'false', 'a b')
    await millrace('wait', 'one')
    const ps = await millrace('ps', '--all')
    expect(ps.stdout).toMatch(
      /^ID +STATE +QUEUE +EXIT +HOST +SUBMITTED +RAN +COMMAND\none +failed +default +3 +h1 +just now/,
    )
    expect(ps.stdout).not.toContain('\u001b')
    expect(await millrace('ps')).toMatchObject({ stdout: expect.any(String) })
    expect(JSON.parse((await millrace('ps', '--all', '--json')).stdout).jobs[0]).toMatchObject({
      id: 'one',
      exitCode: 3,
    })
    const show = await millrace('show', 'on')
    expect(show.stdout).toContain('failed (exit code 3)')
    expect(show.stdout).toMatch(/timeline\n +\+0ms +submitted +client\/gateway/)
    const events = (await millrace('events', '--job', 'one', '--json')).stdout.trim().split('\n')
    expect(events.map((line) => JSON.parse(line).type.split('.')[2])).toContain('finished')
    const from = JSON.parse(events[2]!).position
    const rest = await millrace('events', '--from', `${Math.floor(from / 4096)}.${from % 4096}`, '--json')
    expect(JSON.parse(rest.stdout.split('\n')[0]!).position).toBe(from)
    expect((await millrace('events')).stdout).toContain('exit code 3')
    expect(await millrace('hosts', '--json')).toMatchObject({ stdout: '[]\n' })
  })

  test('logs: streams apart, the last lines, one attempt', async () => {
    await millrace('submit', '--id', 'e', '--', 'echo')
    await millrace('submit', '--id', 'f', '--retries', '1', '--', 'flaky')
    await millrace('wait', 'e', 'f')
    expect(await millrace('logs', 'e')).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: 'oh\n' })
    expect(await millrace('logs', 'e', '--stderr')).toMatchObject({ stdout: 'oh\n', stderr: '' })
    expect(await millrace('logs', '-f', 'e')).toMatchObject({ stdout: 'hello\n' })
    expect(await millrace('logs', 'f')).toMatchObject({ stdout: 'two\n' })
    expect(await millrace('logs', 'f', '--attempt', '1', '--tail', '5')).toMatchObject({ stdout: 'one\n' })
  })

  test('cancel and retry', async () => {
    await millrace('submit', '--id', 'h', '--', 'hold')
    while (standIn.jobs.get('h')?.state !== 'running') await new Promise((done) => setImmediate(done))
    expect(await millrace('cancel', 'h', '--reason', 'enough')).toMatchObject({ stdout: 'h  cancel requested\n' })
    await millrace('wait', 'h')
    expect(standIn.jobs.get('h')).toMatchObject({ state: 'cancelled', reason: { text: 'enough' } })
    const again = (await millrace('retry', 'h')).stdout.trim()
    expect(JSON.parse((await millrace('show', again, '--json')).stdout).spec.retryOf).toBe('h')
    await millrace('submit', '--id', 'done', '--', 'true')
    await millrace('wait', 'done')
    expect(await millrace('cancel', 'done')).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('already') })
  })

  test('doctor names what it looked at', async () => {
    const { stdout } = await millrace('doctor', '--json', '--data', folder)
    const { findings } = JSON.parse(stdout)
    expect(findings.map(({ topic }: { topic: string }) => topic)).toEqual([
      ...['node', 'machine', 'nats-server', 'containment', 'data', 'disk', 'port', 'gateway'],
    ])
    expect(findings.at(-1)).toMatchObject({ status: 'fine' })
  })
})
