/** Real commands through the real supervisor: results, output, input, faults. */
import { fork } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { attemptFolder, isRunning, readProcessStat } from '#process'
import { limits } from '#schemas'
import { capacityOf, requestOf, Told } from '../../../libs/process/contract.testing.ts'
import { nodeArguments, reachSupervisor } from '../supervisor-process.ts'
import { type RealCell, type RealCellOptions, realCell, until } from '../testing/supervisor-cell.ts'

const cells: RealCell[] = []
afterEach(async () => {
  for (const cell of cells.splice(0)) await cell.dispose()
})

const given = async (options: RealCellOptions = {}) => {
  const cell = await realCell(options)
  cells.push(cell)
  const told = await Told.by(cell)
  const run = async (command: string[], more = {}) => {
    told.supervisor.start([requestOf('a.1', command, more)])
    await until(() => told.end('a.1') !== undefined)
    return told.end('a.1')!
  }
  return { cell, told, run }
}

test('exit 137 and SIGKILL are not the same', async () => {
  const { told } = await given()
  told.supervisor.start([
    requestOf('code.1', ['sh', '-c', 'exit 137']),
    requestOf('signal.1', ['sh', '-c', 'kill -9 $$']),
  ])
  await until(() => told.end('code.1') !== undefined && told.end('signal.1') !== undefined)
  expect(told.end('code.1')).toMatchObject({ cause: 'exit', exitCode: 137, signal: null })
  expect(told.end('signal.1')).toMatchObject({ cause: 'signal', exitCode: null, signal: 'SIGKILL' })
})

test('environment, working folder and standard input are what was asked for, and nothing else', async () => {
  const { cell, run } = await given()
  const end = await run(['sh', '-c', 'env | sort; pwd; cat'], {
    stdin: 'line 1\nline ü',
    env: { PATH: process.env['PATH']!, X: 'a b' },
  })
  const scratch = join(attemptFolder(cell.data, 'a.1'), 'scratch')
  const lines = Buffer.from(end.stdoutTail, 'base64').toString().split('\n')
  expect(lines.filter((line) => !/^(PWD|PATH|_|OLDPWD|SHLVL)=/.test(line))).toEqual([
    'MILLRACE_ATTEMPT_ID=a.1',
    `MILLRACE_SCRATCH=${scratch}`,
    'X=a b',
    scratch,
    'line 1',
    'line ü',
  ])
})

test('without input, standard input is empty and not a terminal', async () => {
  const { run } = await given()
  expect(await run(['sh', '-c', 'cat | wc -c'])).toMatchObject({ cause: 'exit', exitCode: 0 })
})

test('binary output: the tail is its very bytes, the count is exact', async () => {
  const { cell, run } = await given()
  const end = await run(['sh', '-c', 'head -c 100001 /dev/urandom; head -c 10 /dev/zero >&2'])
  expect(end).toMatchObject({ stdoutBytes: 100_001, stderrBytes: 10, stderrTail: Buffer.alloc(10).toString('base64') })
  const file = readFileSync(join(attemptFolder(cell.data, 'a.1'), 'out'))
  expect(Buffer.from(end.stdoutTail, 'base64').equals(file.subarray(-limits.tailBytesMax))).toBe(true)
})

test('a job that removes its own folder still ends', async () => {
  const { cell, run } = await given()
  expect(await run(['sh', '-c', `rm -rf '${attemptFolder(cell.data, 'a.1')}'; exit 4`])).toMatchObject({
    cause: 'exit',
    exitCode: 4,
    stdoutBytes: 0,
  })
})

test('usage: wall time, and CPU time of the whole tree where a cgroup counts it', async () => {
  const { told, run } = await given()
  const busy = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'
  const end = await run(['sh', '-c', `sh -c '${busy}' & sh -c '${busy}' & wait`])
  expect(end.usage.wallMs).toBeGreaterThan(0)
  if (told.supervisor.hello.containment === 'cgroup-v2') expect(end.usage.cpuMs).toBeGreaterThan(10)
})

describe('what can not be started says why', () => {
  const cases: [
    string,
    (folder: string) => { command: string[]; cwd?: string; env?: Record<string, string> },
    string,
    RegExp,
  ][] = [
    ['no such file', () => ({ command: ['/no/such/program'] }), 'ENOENT', /There is no file \/no\/such\/program/],
    [
      'not in PATH',
      () => ({ command: ['nosuchcommand'], env: { PATH: '/bin' } }),
      'ENOENT',
      /"nosuchcommand" is in the PATH of the job \(\/bin\)/,
    ],
    ['no such interpreter', (folder) => ({ command: [join(folder, 'script')] }), 'ENOENT', /interpreter/],
    ['not executable', (folder) => ({ command: [join(folder, 'plain')] }), 'EACCES', /may not be executed/],
    ['a folder', (folder) => ({ command: [folder] }), 'EACCES', /is a folder/],
    [
      'missing working folder',
      () => ({ command: ['true'], cwd: '/no/such/folder' }),
      'ENOENT',
      /working folder \/no\/such\/folder does not exist/,
    ],
    [
      'a file as working folder',
      (folder) => ({ command: ['true'], cwd: join(folder, 'plain') }),
      'ENOTDIR',
      /is not a folder/,
    ],
    [
      'too many arguments',
      () => ({ command: ['true', ...new Array(100).fill('x'.repeat(60_000))] }),
      'E2BIG',
      /longer than this host allows/,
    ],
  ]
  test.each(cases)('%s', async (_, makeCase, code, message) => {
    const { cell, told, run } = await given()
    const folder = join(cell.data, 'programs')
    mkdirSync(folder)
    writeFileSync(join(folder, 'script'), '#!/no/such/interpreter\n')
    chmodSync(join(folder, 'script'), 0o755)
    writeFileSync(join(folder, 'plain'), 'text')
    const { command, ...more } = makeCase(folder)
    const end = await run(command, more)
    expect(end).toMatchObject({ cause: 'spawn', exitCode: null, signal: null, pid: null, error: { code } })
    expect(end.error?.message).toMatch(message)
    expect(told.started('a.1')).toBeUndefined()
  })
})

test('200 quick jobs: each ends once, in bursts, and nothing is left', async () => {
  const { told } = await given({ capacity: capacityOf(8) })
  const ids = Array.from({ length: 200 }, (_, index) => `q${index}.1`)
  told.supervisor.start(ids.map((id, index) => requestOf(id, ['sh', '-c', `exit ${index % 100}`])))
  await until(() => ids.every((id) => told.end(id)))
  expect(ids.map((id) => told.end(id)?.exitCode)).toEqual(ids.map((_, index) => index % 100))
  expect(told.reports.filter(({ kind }) => kind === 'ended')).toHaveLength(200)
})

test('SIGKILL of the agent’s side: the job goes on, and whoever comes next gets its true end', async () => {
  const { cell } = await given()
  const client = fork(new URL('../testing/client-process.ts', import.meta.url), [cell.data], {
    execArgv: nodeArguments(new URL('../testing/client-process.ts', import.meta.url)).slice(0, -1),
    stdio: 'ignore',
  })
  const go = join(cell.data, 'go')
  const started = await new Promise<{ pid: number }>((resolve) => {
    client.once('message', (message) => resolve(message as { pid: number }))
    client.send(requestOf('a.1', ['sh', '-c', `while [ ! -e '${go}' ]; do sleep 0.02; done; echo done; exit 42`]))
  })
  client.kill('SIGKILL')
  await until(() => client.exitCode !== null || client.signalCode !== null)
  expect(isRunning(readProcessStat(started.pid))).toBe(true)
  writeFileSync(go, '')
  const told = await Told.by(cell)
  await until(() => told.end('a.1') !== undefined)
  expect(told.end('a.1')).toMatchObject({ cause: 'exit', exitCode: 42, pid: started.pid, stdoutBytes: 5 })
})

test('a second supervisor on the same folder is not made: whoever asks gets the one that is there', async () => {
  const { cell, told } = await given()
  const pids = await Promise.all([Told.by(cell), Told.by(cell)].map(async (one) => (await one).supervisor.hello.pid))
  expect(new Set([...pids, told.supervisor.hello.pid]).size).toBe(1)
})

test('a folder with a very long path works', async () => {
  const { run } = await given({ longPath: true })
  expect(await run(['true'])).toMatchObject({ cause: 'exit', exitCode: 0 })
})

test('garbage on its socket ends that connection, not the supervisor', async () => {
  const { cell, told, run } = await given()
  const { connect } = await import('node:net')
  const socket = connect(join(cell.data, 'supervisor.sock'))
  socket.on('error', () => {}).resume()
  socket.write('this is no JSON\n')
  await until(() => socket.destroyed)
  await until(() => told.closed === false)
  const again = await Told.by(cell)
  again.supervisor.start([requestOf('b.1', ['true'])])
  await until(() => again.end('b.1') !== undefined)
  expect(again.supervisor.hello.pid).toBe(told.supervisor.hello.pid)
  expect(run).toBeDefined()
})

test('nobody there and nothing to do: it leaves, and what it knows is kept for the next', async () => {
  const { cell, told, run } = await given({ idleExitMs: 100 })
  await run(['sh', '-c', 'exit 9'])
  const { pid } = told.supervisor.hello
  told.supervisor.close()
  await until(() => !isRunning(readProcessStat(pid)))
  expect(existsSync(join(cell.data, 'supervisor.lock'))).toBe(false)
  const again = await Told.by(cell)
  await until(() => again.end('a.1') !== undefined)
  expect(again.end('a.1')).toMatchObject({ cause: 'exit', exitCode: 9 })
})

test('a supervisor that can not start says so', async () => {
  const { cell } = await given()
  const folder = join(cell.data, 'other')
  mkdirSync(folder)
  // Something that is no folder stands where the attempts belong.
  writeFileSync(join(folder, 'attempts'), '')
  const settings = {
    version: 'x',
    capacity: capacityOf(1),
    tailBytes: 1,
    killVerifyMs: 1,
    containment: 'best',
    idleExitMs: 1,
  } as const
  await expect(reachSupervisor(folder, settings, { onReports: () => {}, onClosed: () => {} })).rejects.toMatchObject({
    code: 'supervisor-failed',
  })
})
