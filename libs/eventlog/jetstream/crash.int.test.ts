/** A nats-server that dies under load and comes back, connections that break: nothing lost, nothing doubled, no gap. */
import { cp, rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { natsServerForTests, type TestServer } from '#nats-server'
import { subjectsOf } from '#schemas'
import { cellForTest, decode, encode, Gathered, gatherLog, range, sequencesOf } from '../contract/support.ts'
import type { Broker, LogMessage } from '../port.ts'
import { cellOn, withServer } from './cells.testing.ts'
import { proxyBefore } from './proxy.testing.ts'

describe.each(['floor', 'newest'] as const)('%s server', (channel) => {
  let server: TestServer
  beforeAll(async () => {
    server = await natsServerForTests(channel)
  })
  afterAll(() => server[Symbol.asyncDispose]())
  const given = () => cellForTest(() => cellOn(server.url))
  const until = (broker: Broker, wanted: string) =>
    new Promise<void>((resolve) => {
      if (broker.status() === wanted) resolve()
      broker.onStatus((status) => status === wanted && resolve())
    })

  test('killed twice under load: every append resolves, once each; follows and hosts miss nothing', async () => {
    const { cell, broker, subjects } = await given()
    const reader = await cell.connect('reader')
    await broker.log.ensureHostConsumer('h1', 1)
    const { gathered, follow } = gatherLog(reader, 1)
    const orders = new Gathered<LogMessage>()
    const host = reader.log.followHost({
      host: 'h1',
      onMessages: (messages) => {
        orders.add(...messages)
        host.acknowledge(messages.at(-1)!.sequence)
      },
    })
    const total = 6000
    const acks: number[] = []
    let next = 0
    const write = async () => {
      while (next < total) {
        const n = next++
        const subject = n % 3 === 0 ? subjects.orders('h1') : subjects.facts(`other${n % 7}`)
        acks.push((await broker.log.append({ subject, id: `m${n}`, bytes: encode(`m${n}`) })).sequence)
      }
    }
    const writing = Promise.all(range(1, 300).map(write))
    for (const at of [1500, 3500]) {
      await gathered.count(at, follow.closed)
      await server.kill()
      await server.restart()
    }
    await writing
    await gathered.count(total, follow.closed)
    expect(acks.sort((a, b) => a - b)).toEqual(range(1, total))
    expect(sequencesOf(gathered.items)).toEqual(range(1, total))
    expect(new Set(gathered.items.map(({ id }) => id)).size).toBe(total)
    await orders.count(total / 3, host.closed)
    expect(sequencesOf(orders.items)).toEqual(
      sequencesOf(gathered.items.filter(({ subject }) => subject === subjects.orders('h1'))),
    )
    expect(await broker.log.info()).toMatchObject({ messages: total })
  })

  test('down for a while: status says so, appends and reads wait, an abort does not, side streams come back', async () => {
    const { broker, message, subjects } = await given()
    const { gathered, follow } = gatherLog(broker, 1)
    const beats = new Gathered<string>()
    const watching = broker.beats.watch(subjects.beats, (_, bytes) => beats.add(decode(bytes)))
    const output = new Gathered<number>()
    const chunk = (offset: number) =>
      ({ job: 'a', attempt: 1, stream: 'out', offset, timeMs: 1, bytes: encode('x'), last: false }) as const
    broker.output.follow('a', ({ offset }) => output.add(offset))
    await broker.beats.put(subjects.beat('h1'), encode('before'))
    await broker.output.append(chunk(0))
    await broker.log.append(message(1))
    await Promise.all([beats.count(1), output.count(1)])
    await server.kill()
    await until(broker, 'disconnected')
    const waiting = [broker.log.append(message(2)), broker.log.append(message(1)), broker.output.append(chunk(1))]
    const reading = broker.log.info()
    const abort = new AbortController()
    const aborted = broker.log.append(message(3), abort.signal)
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(broker.beats.put(subjects.beat('h1'), encode('stale'))).rejects.toMatchObject({ code: 'unreachable' })
    await server.restart()
    await until(broker, 'connected')
    expect(await Promise.all(waiting)).toMatchObject([{ sequence: 2 }, { sequence: 1, duplicate: true }, undefined])
    expect(await reading).toMatchObject({ first: 1 })
    await broker.beats.put(subjects.beat('h1'), encode('after'))
    expect(await beats.count(2, watching.closed)).toEqual(['before', 'after'])
    expect(await output.count(2)).toEqual([0, 1])
    expect(sequencesOf(await gathered.count(2, follow.closed))).toEqual([1, 2])
  })

  test('an ack that was lost with the connection: the same bytes again, stored once', async () => {
    await using proxy = await proxyBefore(server.port)
    const { cell, broker, message, subjects } = await given()
    const through = await (await cellOnSame(proxy.url, cell.namespace)).connect('through')
    const others = gatherLog(broker, 1)
    proxy.holdAnswers()
    const plain = through.log.append(message(1))
    const claim = through.log.append({
      subject: subjects.leaderClaimed,
      id: 'claim',
      bytes: encode('claim'),
      expectLastSubjectSequence: 0,
    })
    await others.gathered.count(2, others.follow.closed)
    // Another one after it: the last message of the subject is no longer ours.
    await broker.log.append({ subject: subjects.leaderClaimed, id: 'next', bytes: encode('next') })
    proxy.cut()
    expect(await plain).toEqual({ sequence: 1, duplicate: true })
    expect(await claim).toEqual({ sequence: 2, duplicate: true })
    expect(await broker.log.info()).toMatchObject({ messages: 3 })
  })

  test('a host whose deliveries were lost on the way gets them first, in order', async () => {
    await using proxy = await proxyBefore(server.port)
    const { cell, broker, subjects } = await given()
    const agent = await (await cellOnSame(proxy.url, cell.namespace)).connect('agent')
    await broker.log.ensureHostConsumer('h1', 1)
    const orders = new Gathered<LogMessage>()
    const host = agent.log.followHost({ host: 'h1', onMessages: (messages) => orders.add(...messages) })
    const order = (n: number) => broker.log.append({ subject: subjects.orders('h1'), id: `o${n}`, bytes: encode('o') })
    for (const n of range(1, 3)) await order(n)
    await orders.count(3, host.closed)
    host.acknowledge(2)
    proxy.holdAnswers()
    for (const n of range(4, 6)) await order(n)
    proxy.cut()
    for (const n of range(7, 9)) await order(n)
    expect(sequencesOf(await orders.count(9, host.closed))).toEqual(range(1, 9))
  })

  test('a consumer deleted behind its back is made again, a durable one when the scheduler makes it', async () => {
    const { cell, broker, message, subjects } = await given()
    const log = subjects.streams.log
    await broker.log.ensureHostConsumer('h1', 1)
    const { gathered, follow, caughtUp } = gatherLog(broker, 1)
    const orders = new Gathered<LogMessage>()
    const host = broker.log.followHost({ host: 'h1', onMessages: (messages) => orders.add(...messages) })
    const order = (n: number) => broker.log.append({ subject: subjects.orders('h1'), id: `o${n}`, bytes: encode('o') })
    await caughtUp.count(1, follow.closed)
    await order(1)
    await Promise.all([orders.count(1, host.closed), gathered.count(1, follow.closed)])
    const removed = await withServer(server.url, async ({ jsm }) => {
      const consumers = await jsm.consumers.list(log).next()
      await Promise.all(consumers.map(({ name }) => jsm.consumers.delete(log, name)))
      return consumers.length
    })
    expect(removed).toBe(2)
    await broker.log.append(message(2))
    await order(3)
    expect(sequencesOf(await gathered.count(3, follow.closed))).toEqual([1, 2, 3])
    await broker.log.ensureHostConsumer('h1', 1)
    expect(sequencesOf(await orders.count(2, host.closed))).toEqual([1, 3])
    expect(cell.namespace).toBe(subjects.namespace)
  })

  test('a server that comes back with an older store ends follows with a gap', async () => {
    const { broker, appendMany } = await given()
    await appendMany(1, 10)
    await server.stop()
    const copy = `${server.dataDir}-copy`
    onTestFinished(() => rm(copy, { recursive: true, force: true }))
    await cp(server.dataDir, copy, { recursive: true })
    await server.restart()
    const { gathered, follow } = gatherLog(broker, 1)
    await appendMany(11, 20)
    await gathered.count(20, follow.closed)
    await server.stop()
    await rm(server.dataDir, { recursive: true })
    await cp(copy, server.dataDir, { recursive: true })
    await server.restart()
    await expect(follow.closed).rejects.toMatchObject({ code: 'gap' })
  })
})

test('a connection that carries nothing any more is noticed and made again', async () => {
  await using server = await natsServerForTests('newest')
  await using proxy = await proxyBefore(server.port)
  const cell = await cellOn(server.url)
  const direct = await cell.connect('direct')
  const through = await (await cellOnSame(proxy.url, cell.namespace)).connect('through')
  const { gathered, follow, caughtUp } = gatherLog(through, 1)
  await caughtUp.count(1, follow.closed)
  proxy.blackHole()
  const subjects = subjectsOf(cell.namespace)
  const say = (broker: Broker, n: number) =>
    broker.log.append({ subject: subjects.decisions, id: `d${n}`, bytes: encode('d') })
  const slow = say(through, 1)
  await say(direct, 2)
  expect(await slow).toMatchObject({ sequence: 2 })
  expect(sequencesOf(await gathered.count(2, follow.closed))).toEqual([1, 2])
})

/** Another way to the same streams. */
const cellOnSame = async (url: string, namespace: string) => {
  const { connectBroker } = await import('./connect.ts')
  return {
    connect: async (name: string) => {
      const broker = await connectBroker({ servers: url, name, namespace })
      onTestFinished(() => broker.close())
      return broker
    },
  }
}
