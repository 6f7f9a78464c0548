/**
 * One live reader of LOG, shared by everybody who follows events over this connection. Starts with the first reader,
 * ends with the last. Gives decoded events in order; a reader that can't keep up is told so, and never slows others.
 */
import type { Broker, Follow, LogMessage } from '#eventlog'
import { type CloudEvent, decodeMessage, positionOf, type Subjects, toCloudEvent } from '#schemas'

export type TailReader = { onEvents: (events: readonly CloudEvent[]) => void; onFailed: (error: unknown) => void }

export class LogTail {
  readonly #broker: Broker
  readonly #subjects: Subjects
  readonly #readers = new Set<TailReader>()
  #follow: Follow | null = null
  #starting: Promise<void> | null = null
  /** Everything after this sequence is given to whoever attaches now. */
  #after = 0

  constructor(broker: Broker, subjects: Subjects) {
    this.#broker = broker
    this.#subjects = subjects
  }

  /** Every event after the sequence returned reaches the reader, until it detaches. */
  async attach(reader: TailReader): Promise<number> {
    this.#readers.add(reader)
    this.#starting ??= this.#start()
    try {
      await this.#starting
    } catch (error) {
      this.detach(reader)
      throw error
    }
    return this.#after
  }

  detach(reader: TailReader): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0) return
    this.#starting = null
    void this.#follow?.stop()
    this.#follow = null
  }

  async #start(): Promise<void> {
    this.#after = (await this.#broker.log.info()).last
    if (this.#readers.size === 0) return
    const follow = this.#broker.log.follow({ from: this.#after + 1, onMessages: (messages) => this.#give(messages) })
    this.#follow = follow
    follow.closed.catch((error) => {
      if (this.#follow !== follow) return
      this.#follow = null
      this.#starting = null
      for (const reader of [...this.#readers]) reader.onFailed(error)
      this.#readers.clear()
    })
  }

  #give(messages: readonly LogMessage[]): void {
    this.#after = messages.at(-1)!.sequence
    const events = messages.flatMap((message) => eventsOf(this.#subjects, message))
    if (events.length > 0) for (const reader of this.#readers) reader.onEvents(events)
  }
}

/** The events of one LOG message as CloudEvents; none when it is malformed. */
export const eventsOf = (subjects: Subjects, message: LogMessage): CloudEvent[] => {
  const subject = subjects.parse(message.subject)
  if (!subject) return []
  const decoded = decodeMessage(subject, message.bytes)
  if (decoded.kind !== 'commit') return []
  const host = subject.kind === 'orders' || subject.kind === 'facts' ? { host: subject.host } : {}
  return decoded.commit.events.map((event, index) =>
    toCloudEvent(decoded.commit, event, {
      position: positionOf(message.sequence, index),
      brokerTimeMs: message.timeMs,
      ...host,
    }),
  )
}
