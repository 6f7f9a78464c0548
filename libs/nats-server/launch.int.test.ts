/** Real servers of both channels: booting, ending, coming back, and every way of not coming up. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { execa } from 'execa'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Channel, FoundServer } from './candidate.ts'
import { isAlive } from './folder-lock.ts'
import { launchNatsServer } from './launch.ts'
import type { LaunchOptions, RunningServer } from './running-server.ts'
import { rememberStore } from './store-limits.ts'
import { natsServerForTests, versionsForTests } from './testing.ts'

let versions: Record<Channel, FoundServer>
beforeAll(async () => {
  versions = await versionsForTests()
})

let folder: string
let running: RunningServer[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-launch-'))
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((server) => server.kill()))
  await rm(folder, { recursive: true, force: true })
})

async function launch(channel: Channel, change: Partial<LaunchOptions> = {}): Promise<RunningServer> {
  const server = await launchNatsServer({
    found: versions[channel],
    dataDir: join(folder, 'data'),
    port: 0,
    durability: 'synced',
    logFile: join(folder, 'logs', 'nats-server.log'),
    ...change,
  })
  running.push(server)
  return server
}

test('the channels are the floor line and something newer', () => {
  expect(versions.floor.version).toMatch(/^2\.10\./)
  expect(versions.newest.version).not.toBe(versions.floor.version)
})

describe.each(['floor', 'newest'] as const)('%s', (channel) => {
  test('boots, monitors, stops on TERM, and comes back on the same port and store', async () => {
    const first = await launch(channel, { monitorPort: 0 })
    expect(first).toMatchObject({ url: `nats://127.0.0.1:${first.port}`, version: versions[channel].version })
    expect(isAlive(first.pid)).toBe(true)
    expect((await fetch(`${first.monitorUrl}/healthz`)).status).toBe(200)
    const exit = await first.stop()
    expect(exit.signal).toBeNull()
    expect(await first.stop()).toEqual(exit)
    expect(isAlive(first.pid)).toBe(false)
    const second = await launch(channel, { port: first.port })
    expect(second.port).toBe(first.port)
    expect(second.pid).not.toBe(first.pid)
    expect(await second.kill()).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test('a taken port', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const error = await launch(channel, { port }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'port-taken', logTail: expect.stringContaining('address already in use') })
    await new Promise((resolve) => other.close(resolve))
  })

  test('an unknown field', async () => {
    const error = await launch(channel, { extraConfig: 'no_such_field: 1' }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'config-rejected', message: expect.stringContaining('no_such_field') })
  })

  test('a store that is not a folder', async () => {
    await (await launch(channel)).stop()
    await rm(join(folder, 'data', 'jetstream'), { recursive: true, force: true })
    await writeFile(join(folder, 'data', 'jetstream'), 'not a folder')
    await expect(launch(channel)).rejects.toMatchObject({ code: 'store-unusable' })
  })

  test('a second server on the same store is refused; takeOver ends the first', async () => {
    const first = await launch(channel)
    await expect(launch(channel)).rejects.toMatchObject({ code: 'store-in-use', pid: first.pid })
    const second = await launch(channel, { takeOver: true, port: first.port })
    expect((await first.exited).signal).toBeNull()
    expect(isAlive(second.pid)).toBe(true)
  })

  test('streams are still there when the disk has become smaller', async () => {
    // What a larger disk once allowed: far more than today's disk would.
    const tebibyte = 1024 ** 4
    const memory = { maxFileStoreBytes: 9_000 * tebibyte, maxMemoryStoreBytes: 1, serverVersion: '2.10.0' }
    await mkdir(join(folder, 'data'))
    await rememberStore(join(folder, 'data'), memory)
    const first = await launch(channel)
    const client = await connect({ servers: first.url })
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'BIG', subjects: ['big'], max_bytes: 8_000 * tebibyte })
    await jetstream(client).publish('big', 'kept')
    await client.close()
    await first.kill()
    const again = await connect({ servers: (await launch(channel)).url })
    expect((await (await jetstreamManager(again)).streams.info('BIG')).state.messages).toBe(1)
    await again.close()
  })

  test('the test helper kills, restarts, and leaves nothing behind', async () => {
    const server = await natsServerForTests(channel)
    const { pid, port, dataDir } = server
    await server.kill()
    expect(isAlive(pid)).toBe(false)
    await server.restart()
    expect(server.port).toBe(port)
    expect(server.pid).not.toBe(pid)
    expect(await readFile(server.logFile, 'utf8')).toContain('Server is ready')
    await server[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
    expect(isAlive(server.pid)).toBe(false)
    await expect(readdir(dataDir)).rejects.toThrow('ENOENT')
  })
})

test('a program that is missing', async () => {
  const found = { path: join(folder, 'missing'), version: '2.15.1' }
  await expect(launch('newest', { found })).rejects.toMatchObject({ code: 'spawn-failed' })
})

test('a server that is not ready in time is gone when the launch rejects', async () => {
  const path = join(folder, 'sleeper')
  await writeFile(path, '#!/bin/sh\necho $$ > sleeper.pid\nexec sleep 1000\n', { mode: 0o755 })
  const options = { found: { path, version: '2.15.1' }, readyLimitMs: 300 }
  await expect(launch('newest', options)).rejects.toMatchObject({ code: 'not-ready' })
  expect(isAlive(Number(await readFile(join(folder, 'data', 'sleeper.pid'), 'utf8')))).toBe(false)
})

test('a store of a newer server is not given to an older one, unless allowed', async () => {
  await (await launch('newest')).stop()
  await expect(launch('floor')).rejects.toMatchObject({ code: 'store-from-newer-server' })
  await (await launch('floor', { allowOlderServer: true })).stop()
})

test('a server ends with the process that launched it, even if that forgets to stop it', async () => {
  const launching = `
    import { launchNatsServer } from ${JSON.stringify(join(import.meta.dirname, 'launch.ts'))}
    const server = await launchNatsServer(${JSON.stringify({
      found: versions.newest,
      dataDir: join(folder, 'data'),
      port: 0,
      durability: 'fast',
      logFile: join(folder, 'nats-server.log'),
    })})
    console.log(server.pid)
    process.exit(0)`
  const script = join(folder, 'launching.mjs')
  await writeFile(script, launching)
  const { stdout } = await execa(process.execPath, [
    '--conditions=source',
    '--import',
    import.meta.resolve('tsx'),
    script,
  ])
  await expect.poll(() => isAlive(Number(stdout)), { timeout: 30_000 }).toBe(false)
})
