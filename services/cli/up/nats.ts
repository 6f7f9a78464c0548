/** The nats-server of `up`: found (or fetched), launched on the data folder, started again on its port when it dies. */
import { join } from 'node:path'
import {
  findNatsServer,
  launchNatsServer,
  NatsServerLaunchError,
  NatsServerNotFoundError,
  type RunningServer,
} from '#nats-server'
import { UserError } from '#runtime'
import type { UpOptions } from './options.ts'

const backoffMs = { first: 100, longest: 10_000 }

export type KeptServer = { url: string; pid: () => number; version: string; stop(): Promise<void> }

/** `onStarted` hears the pid of each life. Throws UserError in the finder's or launcher's words. */
export const keepNatsServer = async (options: UpOptions, onStarted: (pid: number) => void): Promise<KeptServer> => {
  const { dataDir, natsPort, durability, say } = options
  const found = await findNatsServer({ onProgress: say }).catch(told)
  for (const note of found.notes) say(note)
  const launch = (port: number): Promise<RunningServer> =>
    launchNatsServer({
      found,
      dataDir: join(dataDir, 'nats'),
      port,
      durability,
      logFile: join(dataDir, 'logs', 'nats-server.log'),
      takeOver: true,
      ownSession: true,
    })
  let server = await launch(natsPort).catch(told)
  let stopping = false
  const { port, url, version } = server
  const keep = async (): Promise<void> => {
    for (let delayMs = backoffMs.first; ; ) {
      onStarted(server.pid)
      const { code, signal } = await server.exited
      if (stopping) return
      say(`nats-server (pid ${server.pid}) ended with ${signal ?? `exit code ${code}`}; starting it again`)
      for (;;) {
        try {
          server = await launch(port)
          break
        } catch (error) {
          if (stopping) return
          say(`nats-server did not start: ${(error as Error).message}; again in ${delayMs / 1000} s`)
          await new Promise((done) => setTimeout(done, delayMs))
          delayMs = Math.min(2 * delayMs, backoffMs.longest)
        }
      }
      delayMs = backoffMs.first
      say(`nats-server runs again (pid ${server.pid})`)
    }
  }
  const kept = keep()
  return {
    url,
    version,
    pid: () => server.pid,
    async stop() {
      stopping = true
      await server.stop()
      await kept
    },
  }
}

const told = (error: unknown): never => {
  if (error instanceof NatsServerLaunchError || error instanceof NatsServerNotFoundError) {
    const hint =
      error instanceof NatsServerLaunchError && error.code === 'port-taken'
        ? 'Choose another one with --nats-port (0: any free one).'
        : ''
    throw new UserError(error.code, error.message, hint, 4, { cause: error })
  }
  throw error
}
