/**
 * The project's cache of nats-server programs: `<cache>/nats-server/<version>-<source>/nats-server`.
 * Must never hold a half-written program: entries are made in a folder beside and come in by one rename.
 */
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import semver from 'semver'
import { withFolderLock } from './folder-lock.ts'
import { askVersion } from './versions.ts'

const lockWaitMs = 180_000
const incomingAgeMs = 60 * 60_000
const fallbackAgeMs = 24 * 60 * 60_000
const incomingPrefix = '.incoming-'

/** An entry of the cache as its folder's name tells it; nobody has run it yet. */
export interface CacheEntry {
  version: string
  origin: 'release' | 'debian'
  path: string
}

/** Where cached servers live: `$MILLRACE_CACHE`, `$XDG_CACHE_HOME/millrace` or `~/.cache/millrace`, then `nats-server`. */
export function natsServerCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.MILLRACE_CACHE || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'millrace')
  return join(base, 'nats-server')
}

/** The entries of a cache folder, newest version first; none when the folder doesn't exist. */
export async function listCache(folder: string): Promise<CacheEntry[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .flatMap((name): CacheEntry[] => {
      const match = /^(\d.*)-(release|debian)$/.exec(name)
      const version = match && semver.valid(match[1])
      return version
        ? [{ version, origin: match[2] as CacheEntry['origin'], path: join(folder, name, 'nats-server') }]
        : []
    })
    .sort((left, right) => semver.rcompare(left.version, right.version))
}

/** Runs `work` as the only finder that fills this cache; a second finder waits, and then finds it filled. */
export async function whileFillingCache<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  await mkdir(folder, { recursive: true })
  return withFolderLock(join(folder, '.lock'), lockWaitMs, async () => {
    await removeOldIncoming(folder)
    return work()
  })
}

/** Calls `work` with an empty folder on the cache's file system, which is removed afterwards. */
export async function inIncomingFolder<Result>(
  folder: string,
  work: (incoming: string) => Promise<Result>,
): Promise<Result> {
  const incoming = await mkdtemp(join(folder, incomingPrefix))
  try {
    return await work(incoming)
  } finally {
    await rm(incoming, { recursive: true, force: true })
  }
}

/** Moves a folder that contains `nats-server` into the cache; if a working entry is there already, that one stays. */
export async function adoptIntoCache(
  folder: string,
  incoming: string,
  version: string,
  origin: CacheEntry['origin'],
): Promise<CacheEntry> {
  const home = join(folder, `${version}-${origin}`)
  const entry = { version, origin, path: join(home, 'nats-server') }
  if ('version' in (await askVersion(entry.path))) return entry
  await inIncomingFolder(folder, async (aside) => {
    await rename(home, join(aside, 'broken')).catch(() => undefined)
    await rename(incoming, home)
  })
  return entry
}

/** Notes that for now nothing better than an older server can be had, so that each start need not try again. */
export async function rememberFallback(folder: string): Promise<void> {
  const path = join(folder, '.fallback')
  await writeFile(path, 'No newer nats-server could be had. Remove this file to look again at the next start.\n')
  await utimes(path, new Date(), new Date())
}

/** True when a search failed to find anything better within the last day. */
export async function hasFreshFallback(folder: string): Promise<boolean> {
  const marker = await stat(join(folder, '.fallback')).catch(() => undefined)
  return marker !== undefined && Math.abs(Date.now() - marker.mtimeMs) < fallbackAgeMs
}

/** What a killed finder left behind. */
async function removeOldIncoming(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(incomingPrefix)) continue
    const path = join(folder, name)
    const made = await stat(path).catch(() => undefined)
    if (made !== undefined && Date.now() - made.mtimeMs > incomingAgeMs)
      await rm(path, { recursive: true, force: true })
  }
}
