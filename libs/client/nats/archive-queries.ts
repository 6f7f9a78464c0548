/** Asks the archive over request/reply. A restarting archive is waited for a little; then the answer is a clear error. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Broker, BrokerError } from '#eventlog'
import type { QueryAnswers, QueryError, QueryName, QueryRequest, Subjects } from '#schemas'
import { ClientError, throwIfAborted } from '../errors.ts'
import { orAborted } from './broker-errors.ts'

/** The archive itself waits up to 5 s for a sequence; an answer can't take longer than this. */
const answerLimitMs = 8_000
const pauseMs = 150

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ArchiveQueries {
  readonly #broker: Broker
  readonly #subjects: Subjects
  readonly #patienceMs: number
  constructor(broker: Broker, subjects: Subjects, patienceMs: number) {
    this.#broker = broker
    this.#subjects = subjects
    this.#patienceMs = patienceMs
  }

  async query<N extends QueryName>(
    name: N,
    request: QueryRequest<N>,
    signal?: AbortSignal,
    waitMs = this.#patienceMs,
  ): Promise<QueryAnswers[N]> {
    const bytes = encoder.encode(JSON.stringify(request))
    const giveUpAt = performance.now() + waitMs
    for (;;) {
      throwIfAborted(signal)
      // A request while disconnected would only run into its own, long limit.
      if (this.#broker.status() !== 'connected') {
        if (performance.now() > giveUpAt) throw new ClientError('broker-unreachable', 'The broker can’t be reached.')
        await delay(pauseMs)
        continue
      }
      try {
        const answer = await orAborted(
          this.#broker.notices.request(this.#subjects.query(name), bytes, answerLimitMs),
          signal,
        )
        return readAnswer<N>(answer)
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error
        if (this.#broker.status() !== 'connected')
          throw new ClientError('broker-unreachable', 'The broker can’t be reached.', { cause: error })
        if (error.code !== 'no-responder' || performance.now() > giveUpAt)
          throw new ClientError('archive-unreachable', 'The archive does not answer.', { cause: error })
        await delay(pauseMs)
      }
    }
  }
}

const readAnswer = <N extends QueryName>(bytes: Uint8Array): QueryAnswers[N] => {
  const answer = JSON.parse(decoder.decode(bytes)) as QueryAnswers[N] | QueryError
  if (typeof answer === 'object' && answer !== null && 'error' in answer)
    throw new ClientError(answer.error.code, answer.error.message)
  return answer as QueryAnswers[N]
}
