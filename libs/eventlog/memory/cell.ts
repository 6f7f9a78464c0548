/**
 * A whole broker in memory, for tests: the same contract as the JetStream adapter, without a server. Deterministic: the
 * clock and the scheduling of deliveries can be handed in; nothing is random. Must never be used to keep anything.
 */
import { limits, subjectsOf } from '#schemas'
import { type Broker, BrokerError, type BrokerStatus, type Follow } from '../port.ts'
import { type Connection, newEventLog } from './event-log.ts'
import { MemoryLog } from './log.ts'
import { MemoryNotices } from './notices.ts'
import type { Schedule } from './reader.ts'
import { MemoryBeats, MemoryFiles, MemoryOutput } from './side-streams.ts'

export type MemoryCellOptions = {
  /** Default 'mr'. */
  namespace?: string
  /** The broker's clock, ms since 1970. Default the machine's. */
  nowMs?: () => number
  /** When deliveries happen. Default: setImmediate, taken when this file is loaded (so fake timers don't stop it). */
  schedule?: Schedule
  /** LOG is full beyond this. */
  logBytesMax?: number
}

const scheduleDefault: Schedule = setImmediate

export class MemoryCell {
  readonly #subjects: ReturnType<typeof subjectsOf>
  readonly #schedule: Schedule
  readonly #log: MemoryLog
  readonly #beats = new MemoryBeats()
  readonly #output = new MemoryOutput()
  readonly #files = new MemoryFiles()
  readonly #notices = new MemoryNotices()

  constructor(options: MemoryCellOptions = {}) {
    this.#subjects = subjectsOf(options.namespace)
    this.#schedule = options.schedule ?? scheduleDefault
    this.#log = new MemoryLog(this.#subjects, options.nowMs ?? Date.now, options.logBytesMax ?? limits.logBytesMax)
  }

  /** A broker of this cell. `name` is who connects; the memory adapter shows it in errors only. */
  connect(name: string): Broker {
    let status: BrokerStatus = 'connected'
    const listeners: ((status: BrokerStatus) => void)[] = []
    const follows = new Set<Follow>()
    const onClose = new Set<() => void>()
    const connection: Connection = {
      schedule: this.#schedule,
      check() {
        if (status === 'closed') throw new BrokerError('closed', `The broker of ${name} is closed.`)
      },
      keep(follow) {
        follows.add(follow)
        const gone = () => follows.delete(follow)
        follow.closed.then(gone, gone)
        return follow
      },
    }
    return {
      log: newEventLog(this.#log, connection),
      beats: this.#beats.of(connection, this.#subjects),
      output: this.#output.of(connection),
      files: this.#files.of(connection),
      notices: this.#notices.of(connection, (act) => onClose.add(act)),
      serverVersion: 'memory',
      status: () => status,
      onStatus: (listener) => void listeners.push(listener),
      async close() {
        if (status === 'closed') return
        status = 'closed'
        for (const act of onClose) act()
        await Promise.all([...follows].map((follow) => follow.stop()))
        for (const listener of listeners) listener(status)
      },
    }
  }
}
