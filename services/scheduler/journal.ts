/** What the scheduler's log says of the cell: hosts that come and go, messages without effect. Only news, no replay. */
import type { Cluster } from '#domain'
import type { Logger } from '#runtime'
import type { Event } from '#schemas'

type Counts = Cluster['counts']

export class Journal {
  readonly #logger: Logger
  #told: Pick<Counts, 'malformed' | 'fenced'> = { malformed: 0, fenced: 0 }

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** One event of the log that counts. Cheap for those that are no news. */
  event(event: Event, host: string | null): void {
    switch (event.type) {
      case 'joined':
        this.#logger.info({ host, capacity: event.capacity, version: event.version }, 'host joined')
        return
      case 'left':
        this.#logger.info({ host, reason: event.reason }, 'host left')
        return
      case 'suspect':
        this.#logger.warn({ host, reason: event.reason }, 'host suspect')
        return
      case 'returned':
        this.#logger.info({ host, reason: event.reason }, 'host returned')
        return
      case 'lost':
        this.#logger.warn({ host, job: event.job, attempt: event.attempt, reason: event.reason }, 'attempt lost')
        return
    }
  }

  /** Where counting starts: what a replay counted was told by an earlier life. */
  countFrom(counts: Counts): void {
    this.#told = { malformed: counts.malformed, fenced: counts.fenced }
  }

  /** Call now and then: says it when messages without effect came since the last time. */
  counts(counts: Counts): void {
    const malformed = counts.malformed - this.#told.malformed
    const fenced = counts.fenced - this.#told.fenced
    this.countFrom(counts)
    if (malformed > 0 || fenced > 0) this.#logger.warn({ malformed, fenced }, 'messages without effect')
  }
}
