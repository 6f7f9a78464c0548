/** The release download, against a stand-in for the release server. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeMachine, fakeMachine, fakeServerScript } from './fakes.testing.ts'
import { findNatsServer } from './find.ts'
import { pinnedReleases } from './versions.ts'

const version = pinnedReleases.newest
const name = `nats-server-v${version}-linux-amd64`
let machine: FakeMachine
let files: Map<string, Buffer | string>
let requests: string[]
let server: Server
let silent: boolean

beforeEach(async () => {
  machine = await fakeMachine()
  files = new Map()
  requests = []
  silent = false
  server = createServer((request, response) => {
    requests.push(request.url!)
    if (silent) return
    const body = files.get(request.url!)
    response.writeHead(body === undefined ? 404 : 200).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await publish()
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await machine[Symbol.asyncDispose]()
})

/** Puts a release with a right checksum on the stand-in. */
async function publish() {
  await mkdir(join(machine.folder, 'release', name), { recursive: true })
  await writeFile(join(machine.folder, 'release', name, 'nats-server'), fakeServerScript(version), { mode: 0o755 })
  const archive = join(machine.folder, 'archive.tar.gz')
  await execa('tar', ['-czf', archive, '-C', join(machine.folder, 'release'), name])
  const bytes = await readFile(archive)
  files.set(`/v${version}/${name}.tar.gz`, bytes)
  files.set(`/v${version}/SHA256SUMS`, `${createHash('sha256').update(bytes).digest('hex')}  ${name}.tar.gz\n`)
}

function find(more: { downloadSilenceMs?: number } = {}) {
  const { port } = server.address() as AddressInfo
  // An apt folder that isn't there: the Debian archive has its own test.
  const aptFolder = join(machine.folder, 'no-apt')
  const env = { ...machine.env, MILLRACE_NATS_RELEASES: `http://127.0.0.1:${port}/` }
  return findNatsServer({ env, aptFolder, platform: 'linux', arch: 'x64', ...more })
}

const cachedNames = async () => (await readdir(join(machine.folder, 'cache', 'nats-server'))).sort()

describe('a release', () => {
  test('is fetched, verified, unpacked and cached', async () => {
    const found = await find()
    expect(found).toMatchObject({ version, source: 'release', notes: [] })
    expect(await cachedNames()).toEqual([`${version}-release`])
    expect(await find()).toMatchObject({ path: found.path, source: 'cache' })
    expect(requests).toHaveLength(2)
  })

  test('is fetched once by many finders', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => find()))
    expect(new Set(all.map(({ path }) => path)).size).toBe(1)
    expect(requests).toHaveLength(2)
    expect(await cachedNames()).toEqual([`${version}-release`])
  })

  test('with a wrong checksum is refused, and nothing stays in the cache', async () => {
    files.set(`/v${version}/SHA256SUMS`, `${'0'.repeat(64)}  ${name}.tar.gz\n`)
    await expect(find()).rejects.toMatchObject({
      code: 'nats-server-not-found',
      message: expect.stringContaining('SHA256SUMS says 000'),
    })
    expect(await cachedNames()).toEqual([])
  })

  test('that SHA256SUMS does not list is refused', async () => {
    files.set(`/v${version}/SHA256SUMS`, `${'0'.repeat(64)}  other.tar.gz\n`)
    await expect(find()).rejects.toThrow(`does not list ${name}.tar.gz`)
  })

  test('that is missing, or a server that is silent, is passed over', async () => {
    files.clear()
    await expect(find()).rejects.toThrow('answered 404')
    silent = true
    await expect(find({ downloadSilenceMs: 50 })).rejects.toThrow('was silent for 50 ms')
  })

  test('that is out of reach: an older cached server does, and for a day nobody asks again', async () => {
    files.clear()
    const old = await machine.cache('2.10.27')
    const found = await find()
    expect(found).toMatchObject({ path: old, notes: [expect.stringContaining('answered 404')] })
    expect(await find()).toMatchObject({ path: old, notes: [] })
    expect(requests).toHaveLength(1)
  })
})
