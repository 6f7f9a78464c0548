/**
 * Starts a nats-server on a data folder and hands back a hold on it. The process is a plain child: it gets SIGTERM when
 * this process exits (not when this process is killed with SIGKILL: then see `takeOver`).
 * Must never leave a process behind when it rejects, and never start a second server on one store.
 *
 * Data folder: nats-server.conf · nats-server.pid · jetstream/ (the store) · ports/ · millrace-store.json
 */
import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import semver from 'semver'
import { NatsServerLaunchError } from './errors.ts'
import { withFolderLock } from './folder-lock.ts'
import { pickFreePort } from './free-port.ts'
import type { LaunchOptions, RunningServer } from './running-server.ts'
import { filesOf, readyLimitMsDefault, startServer, stopLimitMsDefault } from './start-server.ts'
import { recallStore, rememberStore, sizeStoreOnDisk } from './store-limits.ts'
import { endStoreOwner, storeOwner } from './store-owner.ts'

const portTriesMax = 5

/**
 * Launches a server and resolves when it is ready: its store is recovered and it greets clients.
 * @throws NatsServerLaunchError with a code; nothing is left running then.
 */
export async function launchNatsServer(options: LaunchOptions): Promise<RunningServer> {
  const dataDir = resolve(options.dataDir)
  await mkdir(dataDir, { recursive: true })
  await mkdir(dirname(resolve(options.logFile)), { recursive: true })
  return withFolderLock(join(dataDir, '.launching'), readyLimitMsDefault, async () => {
    await claimStore(dataDir, options)
    for (let tries = 1; ; tries += 1) {
      try {
        return await startServer(dataDir, options, options.port || (await pickFreePort()))
      } catch (error) {
        const lostRace = error instanceof NatsServerLaunchError && error.code === 'port-taken' && options.port === 0
        if (!lostRace || tries === portTriesMax) throw error
      }
    }
  })
}

/** Makes sure that no server runs on the store and that this one may. */
async function claimStore(dataDir: string, options: LaunchOptions): Promise<void> {
  const { pidFile, configFile } = filesOf(dataDir)
  if (options.takeOver) await endStoreOwner(pidFile, configFile, stopLimitMsDefault)
  const pid = await storeOwner(pidFile, configFile)
  if (pid !== undefined) {
    const message = `A nats-server (pid ${pid}) runs on ${dataDir} already. Stop it, or choose another data folder.`
    throw new NatsServerLaunchError('store-in-use', message, { pid })
  }
  const before = await recallStore(dataDir)
  if (
    before !== undefined &&
    !options.allowOlderServer &&
    lineOf(options.found.version) < lineOf(before.serverVersion)
  ) {
    throw new NatsServerLaunchError(
      'store-from-newer-server',
      `${dataDir} was written by nats-server ${before.serverVersion}, and ${options.found.version} may not understand it. ` +
        'Use a nats-server of that line or newer.',
    )
  }
  await rememberStore(dataDir, { ...(await sizeStoreOnDisk(dataDir, before)), serverVersion: options.found.version })
}

/** The line (major.minor) of a version as a number that orders lines. */
function lineOf(version: string): number {
  return semver.major(version) * 1_000 + semver.minor(version)
}
