/**
 * A real nats-server for one test: in a temporary folder, on a free port, gone at the end.
 * Must never be used outside tests: the store is removed on dispose.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Channel, FoundServer } from './candidate.ts'
import { findNatsServer } from './find.ts'
import { launchNatsServer } from './launch.ts'
import type { LaunchOptions, RunningServer } from './running-server.ts'

/** A running server that can crash and come back. `pid`, `version` and `exited` are those of the present process. */
export interface TestServer extends RunningServer, AsyncDisposable {
  readonly channel: Channel
  /** Same for the whole life, restarts included. */
  readonly dataDir: string
  /**
   * Ends the present process (if it still runs) and starts another on the same port and store. `change` can, for example,
   * name another nats-server or durability.
   */
  restart(
    change?: Partial<Pick<LaunchOptions, 'found' | 'durability' | 'allowOlderServer' | 'extraConfig'>>,
  ): Promise<void>
  /** Stops the server and removes its folder. May be called again. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What a test may choose; `fast` and a free port if it doesn't. */
export type TestServerOptions = Partial<Omit<LaunchOptions, 'found' | 'dataDir' | 'logFile'>> & { found?: FoundServer }

const finds = new Map<Channel, Promise<FoundServer>>()

/** Finds the channel's server once a process; the cache makes it quick in the next one. */
export function findForTests(channel: Channel): Promise<FoundServer> {
  const find = finds.get(channel) ?? findNatsServer({ channel })
  finds.set(channel, find)
  return find
}

/** The oldest supported line and the newest server: what integration tests run against. */
export async function versionsForTests(): Promise<Record<Channel, FoundServer>> {
  return { floor: await findForTests('floor'), newest: await findForTests('newest') }
}

/** Launches a server for a test. Dispose it in `afterEach`/`afterAll`, or with `await using`. */
export async function natsServerForTests(
  channel: Channel = 'newest',
  options: TestServerOptions = {},
): Promise<TestServer> {
  const { found = await findForTests(channel), port = 0, durability = 'fast', ...more } = options
  const folder = await mkdtemp(join(tmpdir(), 'millrace-nats-'))
  const dataDir = join(folder, 'data')
  let launch: LaunchOptions = { ...more, found, dataDir, port, durability, logFile: join(folder, 'nats-server.log') }
  let running: RunningServer
  try {
    running = await launchNatsServer(launch)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  launch = { ...launch, port: running.port }
  return {
    channel,
    dataDir,
    logFile: launch.logFile,
    port: running.port,
    url: running.url,
    get pid() {
      return running.pid
    },
    get version() {
      return running.version
    },
    get monitorUrl() {
      return running.monitorUrl!
    },
    get exited() {
      return running.exited
    },
    stop: (limitMs) => running.stop(limitMs),
    kill: () => running.kill(),
    async restart(change = {}) {
      await running.stop()
      launch = { ...launch, ...change }
      running = await launchNatsServer(launch)
    },
    async [Symbol.asyncDispose]() {
      await running.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
