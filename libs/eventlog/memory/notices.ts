/** Notices and request/reply of a cell in memory. */
import { errorAnswer } from '../answers.ts'
import { BrokerError, type Notices } from '../port.ts'
import type { Connection } from './event-log.ts'
import { subjectFilter } from './subject-filter.ts'

type Listener = { matches: (subject: string) => boolean; onNotice: (subject: string, bytes: Uint8Array) => void }
type Responder = {
  matches: (subject: string) => boolean
  /** Never rejects. */
  answer: (subject: string, bytes: Uint8Array) => Promise<Uint8Array>
}

export class MemoryNotices {
  readonly #listeners = new Set<Listener>()
  readonly #responders = new Set<Responder>()

  /** `onClose` runs when the broker closes: what it subscribed to ends. */
  of(connection: Connection, onClose: (act: () => void) => void): Notices {
    return {
      publish: (subject, bytes) => {
        connection.check()
        const copy = bytes.slice()
        connection.schedule(() => {
          for (const { matches, onNotice } of [...this.#listeners]) if (matches(subject)) onNotice(subject, copy)
        })
      },
      subscribe: (filter, onNotice) => {
        connection.check()
        const listener = { matches: subjectFilter(filter), onNotice }
        this.#listeners.add(listener)
        const stop = () => void this.#listeners.delete(listener)
        onClose(stop)
        return { stop, ready: Promise.resolve() }
      },
      request: async (subject, bytes, timeoutMs) => {
        connection.check()
        const responder = [...this.#responders].find(({ matches }) => matches(subject))
        if (responder === undefined) throw new BrokerError('no-responder', `Nobody answers on ${subject}.`)
        let limit: NodeJS.Timeout | undefined
        const late = new Promise<never>((_, reject) => {
          limit = setTimeout(
            () => reject(new BrokerError('timeout', `No answer on ${subject} within ${timeoutMs} ms.`)),
            timeoutMs,
          )
        })
        try {
          return await Promise.race([responder.answer(subject, bytes.slice()), late])
        } finally {
          clearTimeout(limit)
        }
      },
      respond: (filter, handler) => {
        connection.check()
        const running = new Set<Promise<Uint8Array>>()
        const responder: Responder = {
          matches: subjectFilter(filter),
          answer: (subject, bytes) => {
            const work = new Promise<void>((resolve) => connection.schedule(resolve))
              .then(() => handler(subject, bytes))
              .catch(errorAnswer)
            running.add(work)
            return work.finally(() => running.delete(work))
          },
        }
        this.#responders.add(responder)
        onClose(() => this.#responders.delete(responder))
        return {
          stop: async () => {
            this.#responders.delete(responder)
            await Promise.all(running)
          },
        }
      },
    }
  }
}
