/** The agent's process: flags, then `runService`. */
import { connectBroker } from '#eventlog'
import { newLogger, runService } from '#runtime'
import { Agent } from './agent.ts'
import { parseAgentOptions } from './options.ts'

const options = parseAgentOptions(process.argv.slice(2))
const logger = newLogger('agent').child({ host: options.host })
const agent = new Agent({
  ...options,
  logger,
  connect: (signal) =>
    connectBroker({
      servers: options.servers,
      namespace: options.namespace,
      name: `agent-${options.host}`,
      // A host may be up long before the cell is.
      streamsWithinMs: 2 ** 31 - 1,
      signal,
    }),
})
await runService(agent, logger)
