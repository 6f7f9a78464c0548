/** The archive's process: flags, then `runService`. */
import { Command } from 'commander'
import { connectBroker } from '#eventlog'
import { newLogger, runService } from '#runtime'
import { namespacePattern } from '#schemas'
import { Archive } from './archive.ts'

const command = new Command('millrace archive')
  .description('Keeps the log for good, folds it into the read model, answers questions about it.')
  .requiredOption('--nats <url...>', 'NATS server, or several of one cluster')
  .option('--namespace <name>', 'prefix of all subjects and streams: one cell', 'mr')
  .option('--data <dir>', 'folder for the database; one archive a folder', '.millrace/archive')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse(process.argv.slice(2), { from: 'user' })

const flags = command.opts<{ nats: string[]; namespace: string; data: string }>()
if (!new RegExp(namespacePattern).test(flags.namespace))
  command.error(`error: --namespace ${JSON.stringify(flags.namespace)} does not match ${namespacePattern}`)

const logger = newLogger('archive')
const { namespace, nats: servers } = flags
const archive = new Archive({
  dataDir: flags.data,
  namespace,
  connect: (signal) => connectBroker({ servers, name: 'archive', namespace, signal }),
  logger,
})
await runService(archive, logger)
