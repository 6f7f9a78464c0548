/** The Debian archive of this machine, into a cache of its own. Skipped, with a reason, where there is none. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findNatsServer } from './find.ts'
import { debianArchive } from './source-debian.ts'

const answer = await debianArchive({})
const fault = 'fault' in answer ? answer.fault : ''
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-debian-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test.skipIf(fault !== '').each([
  ['floor', /^2\.10\./],
  ['newest', /^2\./],
] as const)(
  `the %s package is unpacked into the cache, and apt’s own folders stay as they are ${fault}`,
  async (channel, version) => {
    const listsBefore = await readdir('/var/lib/apt/lists')
    const said: string[] = []
    const found = await findNatsServer({
      channel,
      // Nothing listens on port 9, so that the official release is passed over at once.
      releasesUrl: 'http://127.0.0.1:9',
      env: { PATH: '', MILLRACE_CACHE: folder },
      onProgress: (text) => said.push(text),
    })
    expect(found).toMatchObject({ source: 'debian', version: expect.stringMatching(version) })
    expect(said).toContainEqual(expect.stringContaining('Debian'))
    expect(await readdir('/var/lib/apt/lists')).toEqual(listsBefore)
    const entries = await readdir(join(folder, 'nats-server'))
    expect(entries.filter((name) => !name.startsWith('.'))).toEqual([`${found.version}-debian`])
  },
)
