/** The contract over both transports. The gateway stands in the tests only: the SDK itself knows nothing of services. */
import { clientOver } from '../client.ts'
import { NatsTransport } from '../nats/transport.ts'
import { clientContract, shortWaits } from './client.contract.ts'

clientContract('NATS', async (cell) => {
  const client = clientOver(new NatsTransport(cell.connect('sdk'), { waits: shortWaits }))
  return { client, close: () => client.close() }
})
