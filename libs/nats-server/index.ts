/**
 * The embedded nats-server: finding one, configuring it, launching it, explaining it. The only folder that knows where
 * a nats-server comes from. Must never speak NATS beyond reading INFO: that is libs/eventlog.
 */
export { natsServerCacheFolder } from './cache.ts'
export type { Channel, FindOptions, FoundServer, ServerSource } from './candidate.ts'
export { type NatsServerConfig, renderNatsServerConfig, type ServerDurability, serverLimits } from './config.ts'
export { type LaunchFault, NatsServerLaunchError, NatsServerNotFoundError } from './errors.ts'
export { findNatsServer } from './find.ts'
export { pickFreePort } from './free-port.ts'
export { launchNatsServer } from './launch.ts'
export { explainNatsServers, type ServerCandidate, type ServerExplanation } from './probe.ts'
export type { LaunchOptions, RunningServer, ServerExit } from './running-server.ts'
export { readLogTail } from './server-log.ts'
export { natsServerForTests, type TestServer, type TestServerOptions, versionsForTests } from './testing.ts'
export { floorVersion, parseNatsServerVersion, recommendedRange } from './versions.ts'
