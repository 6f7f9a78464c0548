/** The SDK's contract over HTTP, against a real gateway on a port of its own. */
import { connect } from '#client'
import { MemoryCell } from '#eventlog'
import { clientContract, shortWaits } from '../../libs/client/contract/client.contract.ts'
import { buildGateway } from './app.ts'

clientContract(
  'HTTP',
  () => new MemoryCell(),
  async (cell) => {
    const broker = await cell.connect('gateway')
    const app = await buildGateway(broker, { waits: shortWaits })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const client = await connect({ url })
    return {
      client,
      async close() {
        await client.close()
        await app.close()
        await broker.close()
      },
    }
  },
)
