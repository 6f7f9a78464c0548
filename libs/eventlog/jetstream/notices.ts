/**
 * Plain NATS: notices (not stored, not acknowledged) and request/reply. Must never carry anything that has to arrive:
 * who missed a notice asks the archive or reads LOG.
 */
import { errors, type Msg } from '@nats-io/transport-node'
import { errorAnswer } from '../answers.ts'
import { BrokerError, type Notices } from '../port.ts'
import { toBrokerError } from './faults.ts'
import type { Link } from './link.ts'
import { pause } from './patience.ts'

export const newNotices = (link: Link): Notices => {
  const { nc } = link
  const known = async () => {
    // A flush lost with the connection: the library repeats subscriptions when it is back, so ask again then.
    while (link.status() !== 'closed') {
      try {
        return await nc.flush()
      } catch {
        await pause(100)
      }
    }
  }
  return {
    publish(subject, bytes) {
      if (nc.isClosed()) throw new BrokerError('closed', 'The connection is closed.')
      nc.publish(subject, bytes)
    },
    subscribe(filter, onNotice) {
      const subscription = nc.subscribe(filter, {
        callback: (error, message) => {
          if (error !== null) return
          try {
            onNotice(message.subject, message.data)
          } catch (thrown) {
            // Here it would end the library's reading from the connection; it is a bug that the process must hear of.
            setImmediate(() => {
              throw thrown
            })
          }
        },
      })
      return { stop: () => subscription.unsubscribe(), ready: known() }
    },
    async request(subject, bytes, timeoutMs) {
      try {
        return (await nc.request(subject, bytes, { timeout: timeoutMs })).data
      } catch (error) {
        if (
          error instanceof errors.NoRespondersError ||
          (error instanceof errors.RequestError && error.isNoResponders())
        )
          throw new BrokerError('no-responder', `Nobody answers on ${subject}.`, { cause: error })
        throw toBrokerError(error, `Request on ${subject}`)
      }
    },
    respond(filter, handler) {
      const running = new Set<Promise<void>>()
      const answer = async (message: Msg) => {
        let bytes: Uint8Array
        try {
          bytes = await handler(message.subject, message.data)
        } catch (error) {
          bytes = errorAnswer(error)
        }
        if (!nc.isClosed()) message.respond(bytes)
      }
      const subscription = nc.subscribe(filter, {
        callback: (error, message) => {
          if (error !== null) return
          const work = answer(message)
            .catch(() => {})
            .finally(() => running.delete(work))
          running.add(work)
        },
      })
      return {
        async stop() {
          subscription.unsubscribe()
          await Promise.all(running)
        },
      }
    },
  }
}
