/**
 * The official release of nats-server for this platform, fetched into the cache.
 * Must never put a program into the cache whose SHA-256 differs from the release's SHA256SUMS.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { adoptIntoCache, inIncomingFolder } from './cache.ts'
import type { Attempt, FindOptions } from './candidate.ts'
import { downloadFile } from './download.ts'
import { askVersion, pinnedReleases } from './versions.ts'

const officialReleasesUrl = 'https://github.com/nats-io/nats-server/releases/download'
const silenceMsDefault = 5_000

const releasePlatforms = new Set<string>(['linux', 'darwin', 'freebsd'])
const releaseArchs: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm7',
  ia32: '386',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
}

/** The release that fits the options: its version, the name of its archive, where its files lie; undefined if none fits. */
export function describeRelease(
  options: FindOptions,
): { version: string; name: string; folderUrl: string } | undefined {
  const platform = options.platform ?? process.platform
  const arch = releaseArchs[options.arch ?? process.arch]
  if (!releasePlatforms.has(platform) || arch === undefined) return undefined
  const version = pinnedReleases[options.channel ?? 'newest']
  const base = options.releasesUrl || (options.env ?? process.env).MILLRACE_NATS_RELEASES || officialReleasesUrl
  const folderUrl = `${base.replace(/\/+$/, '')}/v${version}`
  return { version, name: `nats-server-v${version}-${platform}-${arch}`, folderUrl }
}

/** Fetches, verifies and unpacks the release into the cache. Never throws: what went wrong comes back as a note. */
export async function fromRelease(cacheFolder: string, options: FindOptions): Promise<Attempt> {
  const release = describeRelease(options)
  if (release === undefined)
    return { notes: [], absent: ['There is no official nats-server release for this platform.'] }
  const silenceMs = options.downloadSilenceMs ?? silenceMsDefault
  try {
    return await inIncomingFolder(cacheFolder, async (incoming) => {
      options.onProgress?.(`fetching nats-server ${release.version} (official release)`)
      const archive = join(incoming, 'archive.tar.gz')
      const sums = join(incoming, 'SHA256SUMS')
      await downloadFile(`${release.folderUrl}/SHA256SUMS`, sums, silenceMs)
      const expected = digestOf(await readFile(sums, 'utf8'), `${release.name}.tar.gz`)
      const actual = await downloadFile(`${release.folderUrl}/${release.name}.tar.gz`, archive, silenceMs)
      if (actual !== expected) throw new Error(`its SHA-256 is ${actual}, but SHA256SUMS says ${expected}`)
      const unpacked = join(incoming, 'unpacked')
      await mkdir(unpacked)
      await execa('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1', `${release.name}/nats-server`])
      const answer = await askVersion(join(unpacked, 'nats-server'))
      if ('fault' in answer) throw new Error(`its program ${answer.fault}`)
      const { path, version } = await adoptIntoCache(cacheFolder, unpacked, answer.version, 'release')
      return { found: { path, version, source: 'release' }, notes: [], absent: [] }
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    return { notes: [`The official release ${release.version} could not be had: ${reason}.`], absent: [] }
  }
}

/** The digest that a SHA256SUMS file (lines of "<hex>  <name>") gives for a file. */
function digestOf(sums: string, name: string): string {
  for (const line of sums.split('\n')) {
    const match = /^([0-9a-f]{64})\s+\*?(\S+)$/i.exec(line.trim())
    if (match && match[2] === name) return match[1]!.toLowerCase()
  }
  throw new Error(`SHA256SUMS does not list ${name}`)
}
