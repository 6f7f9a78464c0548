/** The order of the search, with programs that only answer --version, and no downloads. */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeMachine, fakeMachine } from './fakes.testing.ts'
import { findNatsServer } from './find.ts'
import { explainNatsServers } from './probe.ts'

let machine: FakeMachine
beforeEach(async () => {
  machine = await fakeMachine()
})
afterEach(() => machine[Symbol.asyncDispose]())

const find = (channel: 'newest' | 'floor' = 'newest') => findNatsServer({ env: machine.env, channel, download: false })
const explain = () => explainNatsServers({ env: machine.env, download: false })

describe('the order', () => {
  test('MILLRACE_NATS_SERVER goes before PATH, PATH before the cache', async () => {
    const cached = await machine.cache('2.15.1')
    expect(await find()).toMatchObject({ path: cached, version: '2.15.1', source: 'cache', notes: [] })
    const onPath = await machine.install('first', '2.10.27')
    expect(await find()).toMatchObject({ path: onPath, version: '2.10.27', source: 'path' })
    const named = await machine.install('elsewhere', '2.12.15')
    machine.env.MILLRACE_NATS_SERVER = named
    expect(await find()).toMatchObject({ path: named, version: '2.12.15', source: 'env' })
    expect((await explain()).chosen).toMatchObject({ path: named, source: 'env' })
  })

  test('the newest in the cache that runs is taken', async () => {
    const broken = await machine.cache('2.15.2')
    await chmod(broken, 0o644)
    const good = await machine.cache('2.15.1')
    await machine.cache('2.10.27')
    const found = await find()
    expect(found.path).toBe(good)
    expect(found.notes).toEqual([expect.stringContaining('2.15.2-debian')])
  })

  test('an older cached one does when nothing better can be had', async () => {
    const old = await machine.cache('2.10.27')
    expect((await find()).path).toBe(old)
    expect((await explain()).chosen?.path).toBe(old)
  })

  test('the floor channel takes only the floor line', async () => {
    await machine.install('first', '2.15.1')
    await machine.cache('2.12.15')
    const floor = await machine.cache('2.10.27')
    const found = await find('floor')
    expect(found.path).toBe(floor)
    expect(found.notes[0]).toContain('newer than the floor line')
  })
})

describe('passing over', () => {
  test('a PATH server below the floor is named, and the next one on PATH is used', async () => {
    const old = await machine.install('first', '2.9.10')
    const second = await machine.install('second', '2.11.4')
    const found = await find()
    expect(found.path).toBe(second)
    expect(found.notes).toEqual(['nats-server 2.9.10 on PATH is older than 2.10.0: passed over.'])
    const { candidates, chosen } = await explain()
    expect(chosen?.path).toBe(second)
    expect(candidates.find(({ path }) => path === old)).toMatchObject({ usable: false, version: '2.9.10' })
  })

  test('nothing at all: the error says what was tried and what to do', async () => {
    await machine.install('first', '2.9.10')
    const error = await find().catch((reason) => reason)
    expect(error).toMatchObject({ name: 'NatsServerNotFoundError', code: 'nats-server-not-found' })
    expect(error.message).toContain('nats-server 2.9.10 on PATH is older than 2.10.0')
    expect(error.message).toContain('Install nats-server 2.10.0 or newer')
    expect((await explain()).chosen).toBeUndefined()
  })
})

describe('MILLRACE_NATS_SERVER', () => {
  test('a missing file is an error even if PATH has a good one', async () => {
    await machine.install('first', '2.15.1')
    machine.env.MILLRACE_NATS_SERVER = join(machine.folder, 'missing')
    await expect(find()).rejects.toThrow(/MILLRACE_NATS_SERVER names .*missing.*\n.*does not exist/)
    expect((await explain()).chosen).toBeUndefined()
  })

  test('one below the floor is an error', async () => {
    machine.env.MILLRACE_NATS_SERVER = await machine.install('elsewhere', '2.9.10')
    await expect(find()).rejects.toThrow('is older than 2.10.0')
  })
})
