/**
 * The one contract suite of the port: what every adapter must pass, so that a service tested with the memory adapter
 * meets nothing new at the real one. Run by memory/contract.unit.test.ts and jetstream/contract.int.test.ts.
 */
import { afterAll, beforeAll, describe } from 'vitest'
import { hostContract } from './contract/host.ts'
import { logContract } from './contract/log.ts'
import { noticesContract } from './contract/notices.ts'
import { sideStreamsContract } from './contract/side-streams.ts'
import type { Broker } from './port.ts'

/** A namespace of its own on a broker, with its streams made. */
export type TestCell = {
  namespace: string
  connect(name: string): Promise<Broker>
  /** Closes what was connected and removes what it holds. */
  dispose(): Promise<void>
}

/** What a group of tests works with: a fresh cell for each test. */
export type CellMaker = () => Promise<TestCell>

/**
 * Declares the suite. `start` is called once before the first test, `stop` once after the last.
 */
export const eventLogContract = (
  name: string,
  adapter: { start?: () => Promise<void>; stop?: () => Promise<void>; makeCell: CellMaker },
): void => {
  describe(`event log contract: ${name}`, () => {
    beforeAll(async () => adapter.start?.())
    afterAll(async () => adapter.stop?.())
    logContract(adapter.makeCell)
    hostContract(adapter.makeCell)
    sideStreamsContract(adapter.makeCell)
    noticesContract(adapter.makeCell)
  })
}
