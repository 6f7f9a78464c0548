/** For tests: cells on a real nats-server, each a namespace of its own. Must never be imported by anything else. */
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { subjectsOf } from '#schemas'
import type { TestCell } from '../contract.ts'
import type { Broker } from '../port.ts'
import { type ConnectOptions, connectBroker } from './connect.ts'
import { type PrepareOptions, prepareStreams } from './streams.ts'

const mebibyte = 1024 * 1024
export const smallStreams = { logBytesMax: 64 * mebibyte, outputBytesMax: 16 * mebibyte, filesBytesMax: 16 * mebibyte }
let namespaces = 0

/** A cell on this server; its streams are removed by `dispose`. */
export const cellOn = async (
  url: string,
  connecting: Partial<ConnectOptions> = {},
  preparing: Partial<PrepareOptions> = {},
): Promise<TestCell> => {
  const namespace = `t${++namespaces}`
  await prepareStreams({ servers: url, namespace, ...smallStreams, ...preparing })
  const brokers: Broker[] = []
  return {
    namespace,
    async connect(name) {
      const broker = await connectBroker({ servers: url, name, namespace, ...connecting })
      brokers.push(broker)
      return broker
    },
    async dispose() {
      await Promise.all(brokers.map((broker) => broker.close()))
      await withServer(url, async ({ jsm }) => {
        const { log, beat, output, files } = subjectsOf(namespace).streams
        await Promise.all([log, beat, output, `OBJ_${files}`].map((name) => jsm.streams.delete(name).catch(() => {})))
      })
    },
  }
}

/** What a test does behind the broker's back. */
export const withServer = async <T>(
  url: string,
  act: (given: {
    nc: Awaited<ReturnType<typeof connect>>
    jsm: Awaited<ReturnType<typeof jetstreamManager>>
  }) => Promise<T>,
): Promise<T> => {
  const nc = await connect({ servers: url })
  try {
    return await act({ nc, jsm: await jetstreamManager(nc) })
  } finally {
    await nc.close()
  }
}
