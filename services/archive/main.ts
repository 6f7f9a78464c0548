/** The archive's process. */
import { Command } from 'commander'
import { connectBroker } from '#eventlog'
import { newLogger, runService } from '#runtime'
import { Archive } from './archive.ts'

const program = new Command('archive')
  .description('Keeps the log for good, folds it into the read model, answers questions.')
  .requiredOption('--nats <url>', 'where the broker is')
  .option('--namespace <name>', "prefix of the cell's subjects", 'mr')
  .requiredOption('--data <dir>', 'folder for the database; one archive a folder')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()

const { nats, namespace, data } = program.opts<{ nats: string; namespace: string; data: string }>()
const logger = newLogger('archive')
const archive = new Archive({
  dataDir: data,
  namespace,
  connect: (signal) => connectBroker({ servers: nats, name: 'archive', namespace, signal }),
  logger,
})
await runService(archive, logger)
