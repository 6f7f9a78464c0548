/**
 * Servers that are on this machine already: the one named by MILLRACE_NATS_SERVER, those on PATH, those in the cache.
 * Must never touch the network or write anything.
 */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import semver from 'semver'
import { listCache } from './cache.ts'
import type { Attempt, Channel } from './candidate.ts'
import { NatsServerNotFoundError } from './errors.ts'
import { askVersion, floorRange, floorVersion, recommendedRange } from './versions.ts'

/**
 * The server named by MILLRACE_NATS_SERVER, if that is set.
 * @throws NatsServerNotFoundError when it is set and that server can't be used: an explicit wish is never passed over.
 */
export async function fromEnvironment(env: NodeJS.ProcessEnv): Promise<Attempt> {
  const wish = env.MILLRACE_NATS_SERVER
  if (!wish) return { notes: [], absent: ['MILLRACE_NATS_SERVER is not set.'] }
  const path = resolve(wish)
  const answer = await askVersion(path)
  const fault = 'fault' in answer ? answer.fault : olderThanFloor(answer.version)
  if (fault === undefined)
    return { found: { path, version: (answer as { version: string }).version, source: 'env' }, notes: [], absent: [] }
  throw new NatsServerNotFoundError(
    `MILLRACE_NATS_SERVER names ${path}, which can't be used.`,
    [`${path} ${fault}.`],
    `Let MILLRACE_NATS_SERVER name a nats-server of at least ${floorVersion}, or unset it to have one found.`,
  )
}

/** The first server on PATH that suits the channel; the others are passed over with a sentence. */
export async function fromPath(env: NodeJS.ProcessEnv, channel: Channel): Promise<Attempt> {
  const notes: string[] = []
  for (const path of await programsOnPath(env)) {
    const answer = await askVersion(path)
    const fault = 'fault' in answer ? `${path} on PATH ${answer.fault}` : unsuitable(answer.version, channel, 'on PATH')
    if (fault === undefined)
      return { found: { path, version: (answer as { version: string }).version, source: 'path' }, notes, absent: [] }
    notes.push(`${fault}: passed over.`)
  }
  return { notes, absent: notes.length === 0 ? ['There is no nats-server on PATH.'] : [] }
}

/**
 * The newest cached server of the channel's range that runs. `anyVersion` widens `newest` to everything from the floor
 * up, for when nothing better can be had.
 */
export async function fromCache(folder: string, channel: Channel, anyVersion = false): Promise<Attempt> {
  const range = channel === 'floor' ? floorRange : anyVersion ? `>=${floorVersion}` : recommendedRange
  const notes: string[] = []
  for (const entry of await listCache(folder)) {
    if (!semver.satisfies(entry.version, range)) continue
    const answer = await askVersion(entry.path)
    if ('version' in answer)
      return { found: { path: entry.path, version: answer.version, source: 'cache' }, notes, absent: [] }
    notes.push(`${entry.path} in the cache ${answer.fault}: passed over.`)
  }
  return { notes, absent: [`The cache (${folder}) holds no usable nats-server of ${range}.`] }
}

/** All executable files called nats-server on PATH, in order, each once. */
export async function programsOnPath(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folders = new Set((env.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder)))
  const found: string[] = []
  for (const folder of folders) {
    const path = join(folder, 'nats-server')
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (usable) found.push(path)
  }
  return found
}

function unsuitable(version: string, channel: Channel, where: string): string | undefined {
  const fault = olderThanFloor(version)
  if (fault !== undefined) return `nats-server ${version} ${where} ${fault}`
  if (channel === 'newest' || semver.satisfies(version, floorRange)) return undefined
  return `nats-server ${version} ${where} is newer than the floor line (${floorRange}) that was asked for`
}

function olderThanFloor(version: string): string | undefined {
  return semver.lt(version, floorVersion) ? `is older than ${floorVersion}` : undefined
}
