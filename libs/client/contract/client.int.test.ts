/** The contract over NATS, on a real nats-server: a new one for each test. */
import { connectBroker, prepareStreams } from '#eventlog'
import { natsServerForTests } from '#nats-server'
import { clientOver } from '../client.ts'
import { NatsTransport } from '../nats/transport.ts'
import { clientContract, shortWaits } from './client.contract.ts'

clientContract(
  'NATS on a real server',
  async () => {
    const server = await natsServerForTests()
    await prepareStreams({ servers: server.url, namespace: 'mr' })
    return {
      connect: (name) => connectBroker({ servers: server.url, name }),
      close: () => server[Symbol.asyncDispose](),
    }
  },
  async (cell) => {
    const client = clientOver(new NatsTransport(await cell.connect('sdk'), { waits: shortWaits }))
    return { client, close: () => client.close() }
  },
)
