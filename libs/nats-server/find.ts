/**
 * Finds a nats-server to run, fetching one if the machine has none (DESIGN §12). The order is the promise:
 * MILLRACE_NATS_SERVER, PATH, the project's cache, the official release, the Debian archive.
 * Must never install anything on the system, and never use a program that has not answered `--version`.
 */
import semver from 'semver'
import { hasFreshFallback, natsServerCacheFolder, rememberFallback, whileFillingCache } from './cache.ts'
import type { Attempt, FindOptions, FoundServer } from './candidate.ts'
import { NatsServerNotFoundError } from './errors.ts'
import { fromDebian } from './source-debian.ts'
import { fromCache, fromEnvironment, fromPath } from './source-local.ts'
import { fromRelease } from './source-release.ts'
import { floorVersion, recommendedRange } from './versions.ts'

type Step = () => Promise<Attempt>

const advice =
  `Install nats-server ${floorVersion} or newer on PATH, or let MILLRACE_NATS_SERVER name one ` +
  '(or MILLRACE_NATS_RELEASES a mirror of its releases).'

/**
 * Finds, and if need be fetches, a nats-server. Concurrent calls, in one or several processes, are safe: one fetches,
 * the others use what it fetched.
 * @throws NatsServerNotFoundError when nothing usable can be had, or MILLRACE_NATS_SERVER names something unusable.
 */
export async function findNatsServer(options: FindOptions = {}): Promise<FoundServer> {
  const mayDownload = options.download !== false
  const cacheFolder = natsServerCacheFolder(options.env)
  const steps = localSteps(options, cacheFolder)
  if (mayDownload) steps.push(() => whileFillingCache(cacheFolder, () => fetchServer(options, cacheFolder)))
  const { found, notes, absent } = await firstOf(steps)
  if (found) return { ...found, notes }
  throw new NatsServerNotFoundError('No usable nats-server was found.', [...notes, ...absent], advice)
}

/** The part of the search that needs no network; probe.ts explains the same steps. */
function localSteps(options: FindOptions, cacheFolder: string): Step[] {
  const env = options.env ?? process.env
  const channel = options.channel ?? 'newest'
  return [
    () => fromEnvironment(env),
    () => fromPath(env, channel),
    () => fromCache(cacheFolder, channel),
    async () => {
      // An older server does for now if a newer one is out of reach, or was out of reach within the last day.
      const settles = channel === 'newest' && (options.download === false || (await hasFreshFallback(cacheFolder)))
      return settles ? fromCache(cacheFolder, channel, true) : { notes: [], absent: [] }
    },
  ]
}

/** What the cache's lock holder does: look again (another may have filled it), fetch, or settle for an older server. */
async function fetchServer(options: FindOptions, cacheFolder: string): Promise<Attempt> {
  const channel = options.channel ?? 'newest'
  const steps: Step[] = [
    () => fromCache(cacheFolder, channel),
    () => fromRelease(cacheFolder, options),
    () => fromDebian(cacheFolder, options),
  ]
  if (channel === 'newest') steps.push(() => fromCache(cacheFolder, channel, true))
  const attempt = await firstOf(steps)
  if (channel === 'newest' && attempt.found && !semver.satisfies(attempt.found.version, recommendedRange)) {
    await rememberFallback(cacheFolder)
  }
  return attempt
}

async function firstOf(steps: Step[]): Promise<Attempt> {
  const notes: string[] = []
  const absent: string[] = []
  for (const step of steps) {
    const attempt = await step()
    notes.push(...attempt.notes)
    if (attempt.found) return { found: attempt.found, notes, absent: [] }
    absent.push(...attempt.absent)
  }
  return { notes, absent }
}
