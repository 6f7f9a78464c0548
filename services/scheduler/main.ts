/** The scheduler's process: flags, then `runService`. */
import { join } from 'node:path'
import { Command } from 'commander'
import { connectBroker, prepareStreams } from '#eventlog'
import { newLogger, runService } from '#runtime'
import { isHostId, namespacePattern } from '#schemas'
import { SnapshotStore } from '#store'
import { Scheduler } from './scheduler.ts'

const command = new Command('millrace scheduler')
  .description('Folds the log and, while it leads, decides. Start several: one leads, the others take over.')
  .requiredOption('--nats <url...>', 'NATS server, or several of one cluster')
  .option('--namespace <name>', 'prefix of all subjects and streams: one cell', 'mr')
  .option('--data <dir>', 'folder for snapshots', '.millrace')
  .option('--id <id>', 'name of this scheduler; several on one machine need different ones', 'scheduler-1')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse(process.argv.slice(2), { from: 'user' })

const flags = command.opts<{ nats: string[]; namespace: string; data: string; id: string }>()
if (!isHostId(flags.id)) command.error(`error: --id ${JSON.stringify(flags.id)} has characters that are not allowed`)
if (!new RegExp(namespacePattern).test(flags.namespace))
  command.error(`error: --namespace ${JSON.stringify(flags.namespace)} does not match ${namespacePattern}`)

const logger = newLogger('scheduler')
const { namespace, nats: servers } = flags
const scheduler = new Scheduler({
  id: flags.id,
  namespace,
  logger,
  openSnapshots: () => new SnapshotStore(join(flags.data, `${flags.id}.snapshots.db`)),
  connect: async () => {
    await prepareStreams({ servers, namespace })
    return connectBroker({ servers, name: `scheduler/${flags.id}`, namespace })
  },
})
await runService(scheduler, logger)
