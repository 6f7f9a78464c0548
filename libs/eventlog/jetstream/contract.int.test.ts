import { natsServerForTests, type TestServer } from '#nats-server'
import { eventLogContract } from '../contract.ts'
import { cellOn } from './cells.testing.ts'

for (const channel of ['floor', 'newest'] as const) {
  let server: TestServer
  eventLogContract(`JetStream, ${channel} server`, {
    start: async () => {
      server = await natsServerForTests(channel)
    },
    stop: () => server[Symbol.asyncDispose](),
    makeCell: () => cellOn(server.url),
  })
}
