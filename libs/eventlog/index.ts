/** The broker: the port, the JetStream adapter and the memory adapter. Nothing outside this folder imports NATS packages. */

export { type ConnectOptions, connectBroker } from './jetstream/connect.ts'
export { type PreparedStreams, type PrepareOptions, prepareStreams } from './jetstream/streams.ts'
export { serverVersionMin } from './jetstream/versions.ts'
export { MemoryCell, type MemoryCellOptions } from './memory/cell.ts'
export * from './port.ts'
