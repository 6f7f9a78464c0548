/** The agent as a process on a real nats-server: what its jobs write, and bad input of every kind. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { natsServerForTests, type TestServer } from '#nats-server'
import { AgentWorld } from './testing/agent-world.ts'

let server: TestServer
let hosts = 0
const worlds: AgentWorld[] = []

beforeAll(async () => {
  server = await natsServerForTests()
})
afterAll(() => server[Symbol.asyncDispose]())
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.dispose()
})

/** Every world has a host of its own: they share the server's log. */
const given = async (...flags: string[]): Promise<AgentWorld> => {
  const world = await AgentWorld.on(server.url, `h${++hosts}`)
  worlds.push(world)
  await world.start('--cpus', '4', ...flags)
  return world
}
const sh = (script: string, more = {}) => ({ command: ['sh', '-c', script], ...more })
/** Ids have to be new: the log is shared. */
const job = (world: AgentWorld, name: string) => `${world.host}-${name}`

describe('output', () => {
  test('short output needs no message; long output is shipped whole, byte for byte', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh('head -c 700000 /dev/urandom | tee /dev/stderr >copy; cat copy'))
    const end = await world.exited(id)
    expect(end).toMatchObject({ stdout: { bytes: 700_000 }, stderr: { bytes: 700_000 } })
    const whole = (chunks: { last: boolean }[]) => chunks.some(({ last }) => last)
    const [out, err] = [await world.shipped(id, 'out', whole), await world.shipped(id, 'err', whole)]
    expect(out.length).toBe(700_000)
    expect(out.equals(err)).toBe(true)
    expect(out.subarray(-4096).toString('base64')).toBe(end.stdout?.tail)
  })

  test('a running job is followed while it runs, also across a restart of the agent', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh(`echo one; while [ ! -e ${world.data}/go ]; do sleep 0.02; done; echo two`))
    const first = await world.shipped(id, 'out', (chunks) => chunks.length > 0)
    expect(first.toString()).toBe('one\n')
    await world.end('SIGKILL')
    await world.start('--cpus', '4')
    writeFileSync(join(world.data, 'go'), '')
    await world.exited(id)
    const all = await world.shipped(id, 'out', (chunks) => chunks.some(({ last }) => last))
    expect(all.toString()).toBe('one\ntwo\n')
  })
})

describe('bad input', () => {
  test('a second agent on the same folder says so and ends with 4', async () => {
    const world = await given()
    const first = world.agent!
    await world.start('--cpus', '4')
    expect(world.agent!.exitCode).toBe(4)
    expect(world.stderr).toContain(`Another agent (pid ${first.pid}) uses the folder`)
    world.agent = first
  })

  test.each([
    [['--cpus', 'many']],
    [['--memory', '12XB']],
    [['--resource', 'license']],
    [['--label', 'x']],
    [['--frobnicate']],
    [['--host-id', 'a.b']],
  ])('%j ends with 2', async (flags) => {
    const world = await AgentWorld.on(server.url, `h${++hosts}`)
    worlds.push(world)
    await world.start(...flags)
    expect(world.agent!.exitCode).toBe(2)
    expect(world.stderr).toMatch(/^error: /)
  })

  test('garbage on its subjects is passed over', async () => {
    const world = await given()
    const bytes = new TextEncoder().encode('{"v":1,"nonsense":')
    await world.broker.log
      .append({ subject: `mr.host.${world.host}.facts`, id: `${world.host}/x`, bytes })
      .catch(() => {})
    await world.assign(job(world, 'a'), { command: ['/no/such/program'] })
    expect(await world.exited(job(world, 'a'))).toMatchObject({ cause: 'spawn', error: { code: 'ENOENT' } })
  })

  test('no server: ends with 5 and says what to look at', async () => {
    const world = await given()
    await world.end('SIGTERM')
    await world.startAt('nats://127.0.0.1:9')
    expect(world.agent!.exitCode).toBe(5)
    expect(world.stderr).toContain('Is the nats-server up')
  })
})
