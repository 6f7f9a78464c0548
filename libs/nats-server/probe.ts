/**
 * Explains the search for a nats-server to a person (`millrace doctor`): each place, what is there, and why it would or
 * would not be taken.
 * Must never download, write or throw.
 */
import semver from 'semver'
import { hasFreshFallback, listCache, natsServerCacheFolder } from './cache.ts'
import type { Channel, FindOptions, ServerSource } from './candidate.ts'
import { debianArchive } from './source-debian.ts'
import { programsOnPath } from './source-local.ts'
import { describeRelease } from './source-release.ts'
import { askVersion, floorRange, floorVersion, recommendedRange } from './versions.ts'

/** One place where a server is, or could be fetched from. */
export interface ServerCandidate {
  source: ServerSource
  path?: string
  version?: string
  /** For what is on the machine: it runs and suits. For what could be fetched: an attempt would be made. */
  usable: boolean
  /** Says why, fit to be shown to a person. */
  sentence: string
}

/** The whole search, in its order. */
export interface ServerExplanation {
  candidates: ServerCandidate[]
  /** What findNatsServer would take without a download; undefined when it would have to fetch one, or would refuse. */
  chosen?: ServerCandidate
}

/** Explains what findNatsServer would do with the same options. */
export async function explainNatsServers(options: FindOptions = {}): Promise<ServerExplanation> {
  const env = options.env ?? process.env
  const channel = options.channel ?? 'newest'
  const cacheFolder = natsServerCacheFolder(env)
  const named = env.MILLRACE_NATS_SERVER
  const onPath = await programsOnPath(env)
  const cached = await listCache(cacheFolder)

  const local = [
    ...(named ? [await judge('env', named, channel, `>=${floorVersion}`)] : []),
    ...(await Promise.all(onPath.map((path) => judge('path', path, channel, rangeOnPath(channel))))),
    ...(await Promise.all(cached.map(({ path }) => judge('cache', path, channel, rangeInCache(channel))))),
  ]
  const settles = channel === 'newest' && (options.download === false || (await hasFreshFallback(cacheFolder)))
  const candidates = [...local, releaseCandidate(options), await debianCandidate(options)]
  const chosen = named
    ? local.find(({ source, usable }) => source === 'env' && usable)
    : (local.find(({ usable }) => usable) ?? (settles ? local.find(isAtLeastFloor) : undefined))
  return { candidates, ...(chosen ? { chosen } : {}) }
}

async function judge(source: ServerSource, path: string, channel: Channel, range: string): Promise<ServerCandidate> {
  const where = { env: 'named by MILLRACE_NATS_SERVER', path: 'on PATH', cache: 'in the cache' }[source as 'env']
  const answer = await askVersion(path)
  if ('fault' in answer) return { source, path, usable: false, sentence: `${path}, ${where}, ${answer.fault}.` }
  const { version } = answer
  const subject = `nats-server ${version} ${where} (${path})`
  if (semver.satisfies(version, range))
    return { source, path, version, usable: true, sentence: `${subject} is usable.` }
  const fault = semver.lt(version, floorVersion)
    ? `is older than ${floorVersion}`
    : channel === 'floor'
      ? `is newer than the floor line (${floorRange})`
      : `is older than recommended (${recommendedRange}): taken only if no newer one can be had`
  return { source, path, version, usable: false, sentence: `${subject} ${fault}.` }
}

function rangeOnPath(channel: Channel): string {
  return channel === 'floor' ? floorRange : `>=${floorVersion}`
}

function rangeInCache(channel: Channel): string {
  return channel === 'floor' ? floorRange : recommendedRange
}

function isAtLeastFloor({ source, version }: ServerCandidate): boolean {
  return source === 'cache' && version !== undefined && semver.gte(version, floorVersion)
}

function releaseCandidate(options: FindOptions): ServerCandidate {
  const release = describeRelease(options)
  if (release === undefined) {
    return { source: 'release', usable: false, sentence: 'There is no official nats-server release for this platform.' }
  }
  const { version } = release
  const usable = options.download !== false
  const sentence = `The official release ${version} ${usable ? 'can be tried' : 'is not fetched: downloads are off'}.`
  return { source: 'release', version, usable, sentence }
}

async function debianCandidate(options: FindOptions): Promise<ServerCandidate> {
  const answer = await debianArchive(options)
  if ('fault' in answer) return { source: 'debian', usable: false, sentence: `${answer.fault}.` }
  const usable = options.download !== false
  const what = "The Debian archive named in this machine's apt sources"
  return {
    source: 'debian',
    usable,
    sentence: `${what} ${usable ? 'can be tried' : 'is not used: downloads are off'}.`,
  }
}
