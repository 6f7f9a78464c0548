/** The contract over NATS, on the broker in memory. */
import { MemoryCell } from '#eventlog'
import { clientOver } from '../client.ts'
import { NatsTransport } from '../nats/transport.ts'
import { clientContract, shortWaits } from './client.contract.ts'

clientContract(
  'NATS in memory',
  () => new MemoryCell(),
  async (cell) => {
    const client = clientOver(new NatsTransport(await cell.connect('sdk'), { waits: shortWaits }))
    return { client, close: () => client.close() }
  },
)
