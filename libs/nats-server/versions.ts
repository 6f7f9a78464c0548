/**
 * Which nats-servers Millrace accepts, and how a program's version is learned.
 * Must never decide where a server comes from: that is find.ts.
 */
import { execa } from 'execa'
import semver from 'semver'

/** The oldest nats-server that Millrace runs on: the first with `sync_interval` and filtered consumers. */
export const floorVersion = '2.10.0'

/** What a `newest` search is satisfied with when it looks into the cache (DESIGN §12). */
export const recommendedRange = '>=2.12.15 <2.13.0 || >=2.14.5'

/** What a `floor` search accepts: the oldest supported line, so that tests prove the floor. */
export const floorRange = '~2.10.0'

/** The official releases fetched for each channel. */
export const pinnedReleases = { newest: '2.12.15', floor: '2.10.29' } as const

const versionLimitMs = 10_000

/** Reads the version out of what `nats-server --version` prints (`nats-server: v2.10.27`); undefined if there is none. */
export function parseNatsServerVersion(text: string): string | undefined {
  const match = /^nats-server: v?(\d\S*)\s*$/m.exec(text)
  return match ? (semver.valid(match[1]) ?? undefined) : undefined
}

/** Outcome of asking a program for its version: the version, or a phrase that completes "it …". */
export type VersionAnswer = { version: string } | { fault: string }

/** Runs `<path> --version`. Never throws: what is wrong (missing, wrong libc, not a nats-server) comes back as `fault`. */
export async function askVersion(path: string): Promise<VersionAnswer> {
  const result = await execa(path, ['--version'], {
    reject: false,
    timeout: versionLimitMs,
    stdin: 'ignore',
    all: true,
  })
  const version = parseNatsServerVersion(result.all ?? '')
  if (version !== undefined && !result.failed) return { version }
  if (result.timedOut) return { fault: `did not answer --version within ${versionLimitMs / 1000} s` }
  if (result.code === 'ENOENT') return { fault: 'does not exist, or its loader is missing' }
  if (result.code === 'EACCES') return { fault: 'may not be executed' }
  if (result.failed) return { fault: `does not run here (${firstLine(result.all) || result.shortMessage})` }
  return { fault: `does not call itself a nats-server (it said "${firstLine(result.all)}")` }
}

function firstLine(text: string | undefined): string {
  return (text ?? '').trim().split('\n', 1)[0]!.slice(0, 200)
}
