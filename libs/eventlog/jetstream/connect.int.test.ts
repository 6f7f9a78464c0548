/** Connecting and preparing: what is refused, how fast, and in which words. */
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { natsServerForTests, pickFreePort, type TestServer } from '#nats-server'
import { limits, subjectsOf } from '#schemas'
import { cellForTest, encode } from '../contract/support.ts'
import { cellOn, smallStreams, withServer } from './cells.testing.ts'
import { connectBroker } from './connect.ts'
import { prepareStreams } from './streams.ts'

const mebibyte = 1024 * 1024

test('a server that is not there is unreachable, or waited for until the signal aborts', async () => {
  const servers = `nats://127.0.0.1:${await pickFreePort()}`
  await expect(connectBroker({ servers, name: 'x' })).rejects.toMatchObject({ code: 'unreachable' })
  const abort = new AbortController()
  const waiting = connectBroker({ servers, name: 'x', waitForServer: true, signal: abort.signal })
  abort.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})

test('an old server is refused with its version, one that says nothing is unreachable', async () => {
  const pretend = (info: string) =>
    new Promise<string>((resolve) => {
      const listener = createServer((socket) => {
        socket.on('error', () => {})
        socket.write(info)
        socket.on('data', (bytes) => String(bytes).includes('PING') && socket.write('PONG\r\n'))
      })
      onTestFinished(() => void listener.close())
      listener.listen(0, '127.0.0.1', () => resolve(`nats://127.0.0.1:${(listener.address() as AddressInfo).port}`))
    })
  const old = await pretend(
    'INFO {"server_id":"x","version":"2.9.10","proto":1,"max_payload":1048576,"headers":true}\r\n',
  )
  await expect(connectBroker({ servers: old, name: 'x' })).rejects.toMatchObject({
    code: 'server-too-old',
    message: expect.stringContaining('2.9.10'),
  })
  await expect(connectBroker({ servers: await pretend(''), name: 'x' })).rejects.toMatchObject({ code: 'unreachable' })
})

describe.each(['floor', 'newest'] as const)('%s server', (channel) => {
  let server: TestServer
  beforeAll(async () => {
    server = await natsServerForTests(channel)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('without streams it waits for them, and says so when they do not come', async () => {
    const options = { servers: server.url, name: 'x', namespace: 'later' }
    await expect(connectBroker({ ...options, streamsWithinMs: 200 })).rejects.toMatchObject({ code: 'no-stream' })
    const waiting = connectBroker(options)
    await prepareStreams({ ...options, ...smallStreams })
    const broker = await waiting
    expect(broker.serverVersion).toBe(server.version)
    await broker.close()
  })

  test('preparing is idempotent, grows and never shrinks, several at once are fine', async () => {
    const options = { servers: server.url, namespace: 'prep' }
    const made = await Promise.all([1, 2, 3].map(() => prepareStreams({ ...options, ...smallStreams })))
    expect(made).toEqual([smallStreams, smallStreams, smallStreams])
    expect(await prepareStreams({ ...options, logBytesMax: mebibyte })).toEqual(smallStreams)
    const grown = { ...smallStreams, logBytesMax: 128 * mebibyte }
    expect(await prepareStreams({ ...options, logBytesMax: grown.logBytesMax })).toEqual(grown)
    await withServer(server.url, async ({ jsm }) => {
      const { config } = await jsm.streams.info('PREP_LOG')
      expect(config).toMatchObject({ deny_delete: true, deny_purge: true, discard: 'new', max_age: 0, storage: 'file' })
      await expect(jsm.streams.purge('PREP_LOG')).rejects.toThrow()
    })
  })

  test('streams that can’t become what is needed are refused', async () => {
    await withServer(server.url, async ({ jsm }) => {
      await jsm.streams.add({ name: 'BAD_LOG', subjects: ['bad.job.*.*'], storage: 'memory', retention: 'workqueue' })
      await jsm.streams.add({ name: 'SOMEBODYS', subjects: ['taken.>'] })
    })
    const prepare = (namespace: string) => prepareStreams({ servers: server.url, namespace, ...smallStreams })
    await expect(prepare('bad')).rejects.toMatchObject({ code: 'bad-stream' })
    await expect(prepare('taken')).rejects.toMatchObject({ code: 'bad-stream' })
    await expect(prepareStreams({ servers: server.url, namespace: 'r3', replicas: 3 })).rejects.toMatchObject({
      code: 'bad-stream',
    })
    await expect(prepare('Not a token')).rejects.toThrow(RangeError)
  })

  test('a full log refuses with no-space, whatever is sent to no stream waits until aborted', async () => {
    const { broker, message } = await cellForTest(() => cellOn(server.url, {}, { logBytesMax: mebibyte }))
    const bytes = new Uint8Array(limits.commitBytesMax)
    for (const n of [1, 2, 3]) await broker.log.append({ ...message(n), bytes })
    await expect(broker.log.append({ ...message(4), bytes })).rejects.toMatchObject({ code: 'no-space' })
    expect(await broker.log.append(message(5))).toMatchObject({ sequence: 4 })
    const nowhere = { subject: 'no.stream', id: 'x', bytes: encode('x') }
    await expect(broker.log.append(nowhere, AbortSignal.timeout(300))).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(broker.log.append({ ...message(6), subject: 'with space' })).rejects.toMatchObject({ code: 'refused' })
    await expect(broker.log.append({ ...message(6), id: 'line\r\nbreak' })).rejects.toMatchObject({ code: 'refused' })
  })
})

test('permissions and limits of an account: denied by name, sizes fitted to what it may store', async () => {
  const subjects = subjectsOf('mr')
  const agent = `publish: { deny: "${subjects.decisions}" }`
  await using server = await natsServerForTests('newest', {
    extraConfig: `accounts { A {
      jetstream { max_mem: 64MB, max_file: 200MB }
      users: [ { user: admin, password: a }, { user: agent, password: b, permissions: { ${agent} } } ]
    } }`,
  })
  const servers = server.url
  await expect(prepareStreams({ servers, user: 'admin', password: 'wrong' })).rejects.toMatchObject({ code: 'denied' })
  const sizes = await prepareStreams({ servers, user: 'admin', password: 'a' })
  expect(Object.values(sizes).reduce((a, b) => a + b)).toBeLessThanOrEqual(200 * 1000 ** 2 * 1.05)
  expect(sizes.logBytesMax).toBeGreaterThan(50 * mebibyte)
  const broker = await connectBroker({ servers, name: 'agent', user: 'agent', password: 'b' })
  const say = (subject: string, id: string) => broker.log.append({ subject, id, bytes: encode('x') })
  const allowed = say(subjects.facts('h1'), 'fact')
  await expect(say(subjects.decisions, 'decision')).rejects.toMatchObject({ code: 'denied' })
  expect(await allowed).toMatchObject({ sequence: 1 })
  await broker.close()
})
