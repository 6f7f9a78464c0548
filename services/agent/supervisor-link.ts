/**
 * Keeps a living supervisor at the agent's side: reaches one at start, and again whenever the connection breaks or the
 * process dies. A dead one is replaced at once, because the new one ends what the old one left running.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Supervisor, SupervisorReport } from '#process'
import type { Logger } from '#runtime'
import type { SupervisorSettings } from './supervisor/options.ts'
import { reachSupervisor } from './supervisor-process.ts'

const againMsMin = 100
const againMsMax = 5_000

export type LinkEvents = {
  onReports: (reports: readonly SupervisorReport[]) => void
  /** Before any report of the new connection. */
  onUp: (supervisor: Supervisor) => void
  onDown: () => void
}

export class SupervisorLink {
  readonly #data: string
  readonly #settings: SupervisorSettings
  readonly #events: LinkEvents
  readonly #logger: Logger
  #supervisor: Supervisor | null = null
  #closed = false
  #retiring = false

  constructor(data: string, settings: SupervisorSettings, logger: Logger, events: LinkEvents) {
    this.#data = data
    this.#settings = settings
    this.#logger = logger
    this.#events = events
  }

  /** Null while there is none. What is said to none is said again after `onUp`, by the brain. */
  get supervisor(): Supervisor | null {
    return this.#supervisor
  }

  /** Throws UserError when none can be started. */
  async open(): Promise<void> {
    const early: SupervisorReport[][] = []
    let live = false
    const supervisor = await reachSupervisor(this.#data, this.#settings, {
      onReports: (reports) => (live ? this.#events.onReports(reports) : void early.push([...reports])),
      onClosed: (died) => void this.#lost(died),
    })
    this.#supervisor = supervisor
    supervisor.setCapacity(this.#settings.capacity)
    this.#events.onUp(supervisor)
    live = true
    for (const reports of early) this.#events.onReports(reports)
  }

  /** Ends the supervisor for good; `killAll` ends its attempts first, else it goes only when nothing runs. */
  async retire(killAll: boolean): Promise<void> {
    this.#retiring = true
    await this.#supervisor?.shutdown(killAll)
  }

  close(): void {
    this.#closed = true
    this.#supervisor?.close()
    this.#supervisor = null
  }

  async #lost(died: boolean): Promise<void> {
    // Asked to go, it went: nobody takes its place.
    if (this.#closed || (this.#retiring && died)) return
    const pid = this.#supervisor?.hello.pid
    this.#logger.error(
      { supervisor: pid, died },
      died ? 'the supervisor died' : 'the connection to the supervisor broke',
    )
    this.#supervisor = null
    this.#events.onDown()
    for (let waitMs = againMsMin; !this.#closed; waitMs = Math.min(waitMs * 2, againMsMax)) {
      try {
        await this.open()
        this.#logger.info({ supervisor: this.#supervisor!.hello.pid }, 'a supervisor is there again')
        return
      } catch (error) {
        this.#logger.error({ err: error }, 'no supervisor can be reached or started; trying again')
        await delay(waitMs)
      }
    }
  }
}
