/**
 * The version gate. Everything here runs on the floor; what a newer server adds is not used yet. Beware when it is: old
 * servers silently ignore newer headers and settings, so check the version *and* what STREAM.INFO echoes (streams.ts).
 */
import semver from 'semver'
import { BrokerError } from '../port.ts'

/** The first with `sync_interval`, `filter_subjects` and consumers that take several filters. */
export const serverVersionMin = '2.10.0'

/** @throws BrokerError 'server-too-old' below the floor, or when the version can't be read. */
export const checkServerVersion = (version: string): void => {
  if (semver.valid(version) !== null && semver.gte(version, serverVersionMin)) return
  throw new BrokerError(
    'server-too-old',
    `The nats-server is version "${version}"; at least ${serverVersionMin} is needed.`,
  )
}
