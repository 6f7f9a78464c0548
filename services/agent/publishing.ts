/** Puts commits of facts into LOG: tries until they are in. What the broker definitely refuses is tried again later: a fact is never dropped. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Broker, BrokerError } from '#eventlog'
import type { Logger } from '#runtime'

const retryMsMin = 200
const retryMsMax = 5_000

export type PublishDeps = { broker: Pick<Broker, 'log'>; subject: string; logger: Logger; signal: AbortSignal }

/** Resolves with the sequence, or null when the agent stops first. */
export const publishUntilIn = async (
  { broker, subject, logger, signal }: PublishDeps,
  id: string,
  bytes: Uint8Array,
): Promise<number | null> => {
  for (let waitMs = retryMsMin; !signal.aborted; waitMs = Math.min(waitMs * 2, retryMsMax)) {
    try {
      return (await broker.log.append({ subject, id, bytes }, signal)).sequence
    } catch (error) {
      if (signal.aborted) return null
      const code = error instanceof BrokerError ? error.code : 'unknown'
      logger.error({ err: error, code, id, waitMs }, 'the log does not take the facts; trying again')
      await delay(waitMs, undefined, { signal }).catch(() => {})
    }
  }
  return null
}

/** The last leader-claimed in LOG; asks until there is an answer. Null when there is none, or the agent stops. */
export const lastClaim = async (
  broker: Pick<Broker, 'log'>,
  subject: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<number | null> => {
  for (let waitMs = retryMsMin; !signal.aborted; waitMs = Math.min(waitMs * 2, retryMsMax)) {
    try {
      return (await broker.log.last(subject))?.sequence ?? null
    } catch (error) {
      if (signal.aborted) return null
      logger.warn({ err: error }, 'the log does not say who leads; asking again')
      await delay(waitMs, undefined, { signal }).catch(() => {})
    }
  }
  return null
}
