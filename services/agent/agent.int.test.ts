/** The agent as a process, with its supervisor, on a real nats-server; the leader is played by the test. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { natsServerForTests, type TestServer } from '#nats-server'
import { isRunning, readProcessStat } from '#process'
import { AgentWorld } from './testing/agent-world.ts'
import { processesWith, until } from './testing/supervisor-cell.ts'

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

test('joined says what the host is and has; a heartbeat every second', async () => {
  const world = await given('--label', 'zone=a', '--resource', 'license.x=2', '--memory', '1GiB')
  const joined = world.of('joined').at(-1)!
  expect(joined).toMatchObject({
    capacity: { cpuMilli: 4000, memoryBytes: 2 ** 30, custom: { 'license.x': 2 } },
    labels: { zone: 'a' },
    agentPid: world.agent!.pid,
    supervisorPid: world.supervisorPid(),
    inventory: [],
  })
  expect(joined.at.commit).toContain(joined.incarnation)
  await until(() => world.beats.length >= 3)
  expect(world.beats.at(-1)).toMatchObject({ host: world.host, incarnation: joined.incarnation, running: 0 })
})

test('a job: claimed, started, exited, in this order; its environment; its folder is gone afterwards', async () => {
  const world = await given()
  const id = job(world, 'a')
  const sequence = await world.assign(
    id,
    sh('echo $MILLRACE_JOB_ID $MILLRACE_ATTEMPT $MILLRACE_FENCE $MILLRACE_HOST_ID; cat', { stdin: 'in' }),
  )
  const end = await world.exited(id)
  expect(end).toMatchObject({ cause: 'exit', exitCode: 0 })
  expect(Buffer.from(end.stdout!.tail, 'base64').toString()).toBe(`${id} 1 ${sequence * 4096} ${world.host}\nin`)
  const order = world.seen.filter((event) => 'job' in event && event.job === id).map(({ type }) => type)
  expect(order).toEqual(['assigned', 'claimed', 'started', 'exited'])
  await until(() => world.notices.length === 1)
  expect(JSON.parse(world.notices[0]!)).toMatchObject({ id, attempt: 1, host: world.host })
  await until(() => readdirSync(join(world.data, 'attempts')).length === 0)
})

test('many short jobs: each ends once, and they share commits', async () => {
  const world = await given()
  const ids = Array.from({ length: 100 }, (_, n) => job(world, `m${n}`))
  await world.order(
    ...ids.map(
      (id, n) =>
        ({
          type: 'assigned',
          job: id,
          attempt: 1,
          spec: sh(`exit ${n % 3}`, { cpus: 0.5 }),
          reason: { code: 'order-ahead' },
        }) as const,
    ),
  )
  await until(() => world.of('exited').length === 100)
  expect(ids.map((id) => world.of('exited', id)[0]?.exitCode)).toEqual(ids.map((_, n) => n % 3))
  const facts = world.seen.filter(({ at }) => at.subject.endsWith('.facts'))
  expect(new Set(facts.map(({ at }) => at.sequence)).size).toBeLessThan(100)
})

describe('orders', () => {
  test('of a deposed leader start nothing', async () => {
    const world = await given()
    const old = world.epoch
    await world.lead()
    await world.orderIn(old, {
      type: 'assigned',
      job: job(world, 'old'),
      attempt: 1,
      spec: sh('true'),
      reason: { code: 'x' },
    })
    await world.assign(job(world, 'new'), sh('true'))
    await world.exited(job(world, 'new'))
    expect(world.of('claimed', job(world, 'old'))).toEqual([])
  })

  test('stop-ordered ends a running job with its grace', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh("trap '' TERM; while :; do sleep 1000; done"))
    await until(() => world.of('started', id).length > 0)
    await world.order({ type: 'stop-ordered', job: id, attempt: 1, graceMs: 100, reason: { code: 'cancelled' } })
    expect(await world.exited(id)).toMatchObject({ cause: 'cancelled', signal: 'SIGKILL' })
  })

  test('revoked in the same breath never start', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.order(
      { type: 'assigned', job: id, attempt: 1, spec: sh(`touch ${world.data}/ran`), reason: { code: 'x' } },
      { type: 'revoked', job: id, attempt: 1, reason: { code: 'cancelled' } },
    )
    await world.assign(job(world, 'b'), sh('true'))
    await world.exited(job(world, 'b'))
    expect(existsSync(`${world.data}/ran`)).toBe(false)
    expect(world.of('claimed', id)).toEqual([])
  })

  test('that can never fit are given back', async () => {
    const world = await given()
    await world.assign(job(world, 'a'), sh('true', { cpus: 64 }))
    await until(() => world.of('refused', job(world, 'a')).length > 0)
    expect(world.of('refused')[0]).toMatchObject({ reason: { code: 'host-queue-wait' } })
  })
})

describe('SIGKILL', () => {
  test('of the agent touches no job; the next one reports its true end', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh(`while [ ! -e ${world.data}/go ]; do sleep 0.02; done; echo done; exit 42`))
    await until(() => world.of('started', id).length > 0)
    const { pid } = world.of('started', id)[0]!
    const supervisor = world.supervisorPid()
    expect(await world.end('SIGKILL')).toBe('SIGKILL')
    expect(isRunning(readProcessStat(pid))).toBe(true)
    await world.start('--cpus', '4')
    expect(world.supervisorPid()).toBe(supervisor)
    await until(() => world.of('joined').filter(({ agentPid }) => agentPid === world.agent!.pid).length > 0)
    expect(world.of('joined').at(-1)).toMatchObject({ inventory: [{ job: id, attempt: 1 }] })
    writeFileSync(join(world.data, 'go'), '')
    expect(await world.exited(id)).toMatchObject({ cause: 'exit', exitCode: 42, pid })
    expect(world.of('started', id)).toHaveLength(1)
  })

  test('of the agent: what ended while it was away is told by the next', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh('sleep 0.3; exit 7'))
    await until(() => world.of('started', id).length > 0)
    const { pid } = world.of('started', id)[0]!
    await world.end('SIGKILL')
    await until(() => !isRunning(readProcessStat(pid)))
    await world.start('--cpus', '4')
    expect(await world.exited(id)).toMatchObject({ cause: 'exit', exitCode: 7 })
  })

  test('of the supervisor: no process of its jobs survives, they are lost, the next job runs', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh('(setsid sleep 1000 &); sleep 1000'))
    await until(() => world.of('started', id).length > 0)
    const first = world.supervisorPid()
    process.kill(first, 'SIGKILL')
    expect(await world.exited(id)).toMatchObject({ cause: 'lost', error: { code: 'supervisor-died' } })
    expect(processesWith(`${world.data}/attempts`)).toEqual([])
    await world.assign(job(world, 'b'), sh('true'))
    expect(await world.exited(job(world, 'b'))).toMatchObject({ exitCode: 0 })
    expect(world.of('joined').at(-1)?.supervisorPid).toBe(world.supervisorPid())
    expect(world.supervisorPid()).not.toBe(first)
  })

  test('of both: the next agent has the orphans ended and says lost', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh('(setsid sleep 1000 &); sleep 1000'))
    await until(() => world.of('started', id).length > 0)
    process.kill(world.supervisorPid(), 'SIGKILL')
    await world.end('SIGKILL')
    await world.start('--cpus', '4')
    expect(await world.exited(id)).toMatchObject({ cause: 'lost' })
    expect(processesWith(`${world.data}/attempts`)).toEqual([])
  })
})

describe('stopping', () => {
  test('says left; jobs go on; the next agent finds them', async () => {
    const world = await given()
    const id = job(world, 'a')
    await world.assign(id, sh(`while [ ! -e ${world.data}/go ]; do sleep 0.02; done; exit 3`))
    await until(() => world.of('started', id).length > 0)
    expect(await world.end('SIGTERM')).toBe(0)
    await until(() => world.of('left').length === 1)
    expect(isRunning(readProcessStat(world.of('started', id)[0]!.pid))).toBe(true)
    await world.start('--cpus', '4')
    writeFileSync(join(world.data, 'go'), '')
    expect(await world.exited(id)).toMatchObject({ exitCode: 3 })
  })

  test('an idle agent takes its supervisor with it', async () => {
    const world = await given()
    const supervisor = world.supervisorPid()
    expect(await world.end('SIGTERM')).toBe(0)
    await until(() => !isRunning(readProcessStat(supervisor)))
  })

  test('with --end-jobs-on-stop the jobs end first, in the log too, and nothing is left', async () => {
    const world = await given('--end-jobs-on-stop')
    const id = job(world, 'a')
    await world.assign(id, sh('(setsid sleep 1000 &); sleep 1000'))
    await until(() => world.of('started', id).length > 0)
    const supervisor = world.supervisorPid()
    expect(await world.end('SIGTERM')).toBe(0)
    expect(await world.exited(id)).toMatchObject({ cause: 'lost', error: { code: 'host-leaving' } })
    await until(() => world.of('left').length === 1)
    expect(isRunning(readProcessStat(supervisor))).toBe(false)
    expect(processesWith(`${world.data}/attempts`)).toEqual([])
  })
})

test('the server goes away and comes back: nothing is lost', async () => {
  const world = await given()
  const id = job(world, 'a')
  await world.assign(id, sh('sleep 0.5; exit 6'))
  await until(() => world.of('started', id).length > 0)
  process.kill(server.pid, 'SIGKILL')
  await server.restart()
  expect(await world.exited(id)).toMatchObject({ cause: 'exit', exitCode: 6 })
})
