/**
 * The newest nats-server package of the Debian archive, unpacked into the cache. Works without root.
 * Must never change the system: apt gets its own sources, lists and cache in a temporary folder, runs no hooks, and the
 * package is unpacked with dpkg-deb, not installed. Signatures are checked by apt with the system's own keys.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import semver from 'semver'
import { type AptSource, debianArchiveOf, readAptSources } from './apt-sources.ts'
import { adoptIntoCache, inIncomingFolder } from './cache.ts'
import type { Attempt, Channel, FindOptions } from './candidate.ts'
import { askVersion, floorRange, floorVersion } from './versions.ts'

const toolLimitMs = 180_000

/** Suites in the order in which a channel tries them: sid has the newest package, trixie (Debian 13) the floor's line. */
const suitesOf: Record<Channel, readonly string[]> = { newest: ['sid', 'trixie'], floor: ['trixie'] }

/** The Debian archive this machine uses; undefined with the reason when it has none, or lacks apt-get. */
export async function debianArchive(options: FindOptions): Promise<{ archive: AptSource } | { fault: string }> {
  if ((options.platform ?? process.platform) !== 'linux') return { fault: 'This is not a Debian machine' }
  const tool = await execa('apt-get', ['--version'], { reject: false, timeout: toolLimitMs })
  if (tool.failed) return { fault: 'There is no apt-get here' }
  const codename = /^VERSION_CODENAME="?(\w+)"?$/m.exec(await readFile('/etc/os-release', 'utf8').catch(() => ''))?.[1]
  const archive = debianArchiveOf(await readAptSources(options.aptFolder ?? '/etc/apt'), codename)
  return archive ? { archive } : { fault: "This machine's apt sources do not name the Debian archive" }
}

/** Fetches and unpacks the channel's package into the cache. Never throws: what went wrong comes back as notes. */
export async function fromDebian(cacheFolder: string, options: FindOptions): Promise<Attempt> {
  const answer = await debianArchive(options)
  if ('fault' in answer) return { notes: [], absent: [`${answer.fault}, so there is no Debian package to take.`] }
  const channel = options.channel ?? 'newest'
  const notes: string[] = []
  for (const suite of suitesOf[channel]) {
    try {
      const found = await fetchFromSuite(cacheFolder, answer.archive, suite, channel, options)
      return { found, notes, absent: [] }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      notes.push(`The Debian package of ${suite} could not be had: ${reason}.`)
    }
  }
  return { notes, absent: [] }
}

async function fetchFromSuite(
  cacheFolder: string,
  archive: AptSource,
  suite: string,
  channel: Channel,
  options: FindOptions,
) {
  // Under the system's temporary folder, world-readable, because apt drops its rights while it downloads.
  const work = await mkdtemp(join(tmpdir(), 'millrace-apt-'))
  try {
    await chmod(work, 0o755)
    options.onProgress?.(`reading the package list of Debian ${suite}`)
    const config = await writeAptConfig(work, archive, suite)
    await tool('apt-get', ['-q', '-c', config, 'update'], work)
    options.onProgress?.(`fetching nats-server from Debian ${suite}`)
    await tool('apt-get', ['-q', '-c', config, 'download', `nats-server/${suite}`], work)
    const name = (await readdir(work)).find((file) => file.endsWith('.deb'))
    if (name === undefined) throw new Error('apt-get download left no package')
    return await inIncomingFolder(cacheFolder, async (incoming) => {
      await tool('dpkg-deb', ['-x', join(work, name), join(incoming, 'package')], work)
      const unpacked = join(incoming, 'unpacked')
      await mkdir(unpacked)
      await rename(await programIn(join(incoming, 'package')), join(unpacked, 'nats-server'))
      const answer = await askVersion(join(unpacked, 'nats-server'))
      if ('fault' in answer) throw new Error(`its program ${answer.fault}`)
      const range = channel === 'floor' ? floorRange : `>=${floorVersion}`
      if (!semver.satisfies(answer.version, range)) throw new Error(`it is ${answer.version}, which is not of ${range}`)
      const { path, version } = await adoptIntoCache(cacheFolder, unpacked, answer.version, 'debian')
      return { path, version, source: 'debian' as const }
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function programIn(folder: string): Promise<string> {
  for (const place of ['usr/sbin', 'usr/bin']) {
    const names = await readdir(join(folder, place)).catch((): string[] => [])
    if (names.includes('nats-server')) return join(folder, place, 'nats-server')
  }
  throw new Error('the package holds no nats-server')
}

/** An apt.conf(5) that keeps the machine's proxies and transports, but puts all files into `work` and runs no hooks. */
async function writeAptConfig(work: string, archive: AptSource, suite: string): Promise<string> {
  const { stdout: architecture } = await execa('dpkg', ['--print-architecture'], { timeout: toolLimitMs })
  const source = {
    Types: 'deb',
    URIs: archive.uris.join(' '),
    Suites: suite,
    Components: 'main',
    Architectures: architecture.trim(),
    ...(archive.signedBy ? { 'Signed-By': archive.signedBy } : {}),
  }
  const list = join(work, 'archive.sources')
  await writeFile(
    list,
    Object.entries(source)
      .map(([field, value]) => `${field}: ${value}\n`)
      .join(''),
  )
  await mkdir(join(work, 'lists', 'partial'), { recursive: true })
  await mkdir(join(work, 'cache', 'archives', 'partial'), { recursive: true })
  const settings = {
    'Dir::Etc::SourceList': list,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State::Lists': join(work, 'lists'),
    'Dir::Cache': join(work, 'cache'),
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '10',
    'Acquire::https::Timeout': '10',
  }
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success']
  const config = join(work, 'apt.conf')
  const cleared = hooks.map((hook) => `#clear ${hook};\n`).join('')
  await writeFile(
    config,
    cleared +
      Object.entries(settings)
        .map(([key, value]) => `${key} "${value}";\n`)
        .join(''),
  )
  return config
}

/** Runs a tool; its last error line becomes the reason. */
async function tool(name: string, parameters: string[], cwd: string): Promise<void> {
  const options = { cwd, reject: false, timeout: toolLimitMs, stdin: 'ignore', env: { LC_ALL: 'C' } } as const
  const result = await execa(name, parameters, options)
  if (!result.failed) return
  const complaint = result.stderr
    .split('\n')
    .filter((line) => line.startsWith('E:'))
    .at(-1)
  throw new Error(`${name} ${complaint ? `said "${complaint.slice(3).trim()}"` : `failed (${result.shortMessage})`}`)
}
