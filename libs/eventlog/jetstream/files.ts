/**
 * Files (snapshots, inputs, outputs) in JetStream's object store. Each call is repeated as a whole when the server was
 * away: `put` replaces by name, so it may be. Reading checks the digest.
 */

import type { JetStreamClient } from '@nats-io/jetstream'
import { type ObjectStore, Objm } from '@nats-io/obj'
import { errors } from '@nats-io/transport-node'
import type { Subjects } from '#schemas'
import { BrokerError, type Files } from '../port.ts'
import { isPassing, toBrokerError } from './faults.ts'
import type { Link } from './link.ts'
import { pause } from './patience.ts'

const triesMax = 4
/** One try of one file: the library can wait without end for a chunk that was lost on the way. */
const tryLimitMs = 30_000

export const newFiles = (link: Link, js: JetStreamClient, subjects: Subjects): Files => {
  let store: Promise<ObjectStore> | null = null
  const open = (): Promise<ObjectStore> => {
    store ??= new Objm(js).open(subjects.streams.files, false)
    store.catch(() => {
      store = null
    })
    return store
  }
  const attempt = async <T>(what: string, act: (store: ObjectStore) => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await within(tryLimitMs, open().then(act))
      } catch (error) {
        const passing = isPassing(error) || (error instanceof BrokerError && error.code === 'timeout')
        if (!passing || tries === triesMax || link.status() === 'closed') throw toBrokerError(error, what)
      }
      await pause(250 * 2 ** tries)
    }
  }
  return {
    put: (name, bytes) => attempt(`Storing ${name}`, async (store) => void (await store.putBlob({ name }, bytes))),
    get: (name) => attempt(`Reading ${name}`, (store) => store.getBlob(name)),
    delete: (name) => attempt(`Deleting ${name}`, async (store) => void (await store.delete(name))),
  }
}

const within = async <T>(limitMs: number, work: Promise<T>): Promise<T> => {
  let limit: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new errors.TimeoutError()), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(limit)
  }
}
