/** `millrace up`: the command, its flags, and what it prints. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Durability, UpOptions } from './options.ts'
import { up } from './up.ts'

type Flags = { data: string; agents: number; port: number; natsPort: number; durability: Durability; json?: boolean }

const integer = (least: number, most: number) => (text: string) => {
  const value = Number(text)
  if (!/^[0-9]+$/.test(text) || value < least || value > most)
    throw new InvalidArgumentError(`Expected ${least} to ${most}.`)
  return value
}

export const upFlags = (command: Command): Command =>
  command
    .option('--data <dir>', 'folder that holds everything', '.millrace')
    .option('--agents <n>', 'agents on this machine', integer(1, 64), 1)
    .option('--port <n>', 'port of the gateway; 0: any free one', integer(0, 65_535), 7070)
    .option('--nats-port <n>', 'port of nats-server; 0: any free one', integer(0, 65_535), 0)
    .addOption(
      new Option(
        '--durability <mode>',
        'synced: an answered submit survives a power cut; fast: a crash of the server only',
      )
        .choices(['synced', 'fast'])
        .default('synced'),
    )

export const upOptions = (
  { data, agents, port, natsPort, durability }: Flags,
  say: (text: string) => void,
): UpOptions => ({
  dataDir: data,
  agents,
  port,
  natsPort,
  durability,
  say,
})

/** Progress goes to stderr; stdout is for the readiness line. */
const sayOnStderr = (text: string): void => void process.stderr.write(`millrace: ${text}\n`)

/** Resolves with the first SIGINT or SIGTERM; a second one ends the process at once. */
export const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        done(signal)
        process.once(signal, () => process.exit(1))
      })
    }
  })

export const upCommand = (): Command =>
  upFlags(new Command('up'))
    .description('start everything on this machine and keep it running')
    .option('--json', 'one readiness line of JSON on stdout')
    .action(async (flags: Flags) => {
      const stopped = stopSignal()
      const starting = up(upOptions(flags, sayOnStderr))
      const running = await Promise.race([starting, stopped.then(() => null)])
      if (running === null) {
        // Asked to stop before everything was up: what has started is stopped all the same.
        await starting.then(({ stop }) => stop()).catch(() => {})
        return
      }
      const { ready } = running
      if (flags.json) process.stdout.write(`${JSON.stringify(ready)}\n`)
      else
        process.stdout.write(`Millrace is up: ${ready.url}\n  nats-server ${ready.nats}\n  Ctrl-C stops everything.\n`)
      await stopped
      sayOnStderr('stopping')
      await running.stop()
    })
