/** `millrace gateway`: the HTTP face of a cell as a process of its own. */
import { Command, InvalidArgumentError } from 'commander'
import { newLogger, runService } from '#runtime'
import { gatewayService } from './service.ts'

const port = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('Expected 0 to 65535.')
  return value
}

const flags = new Command('millrace gateway')
  .description('Serves HTTP for a cell: jobs, events, output, metrics.')
  .requiredOption('--nats <url...>', 'address of nats-server; several for a cluster')
  .option('--namespace <name>', 'prefix of the cell’s subjects', 'mr')
  .option('--listen <address>', 'address to listen on', '127.0.0.1')
  .option('--port <n>', 'port to listen on; 0: any free one', port, 7070)
  .option('--token <text>', 'bearer token wanted for /v1 (or MILLRACE_TOKEN)', process.env['MILLRACE_TOKEN'])
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ nats: string[]; namespace: string; listen: string; port: number; token?: string }>()

const log = newLogger('gateway')
await runService(gatewayService({ ...flags, servers: flags.nats }, log), log)
