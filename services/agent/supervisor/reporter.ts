/**
 * Says what happened, to whoever is connected, until it is forgotten. An end is in the fsynced journal before it is
 * said. At once after a quiet moment, else in bursts: a report wakes agent, broker, scheduler
 * and archive in turn, so a burst costs all of them little more than a single one.
 */
import type { SupervisorReport } from '#process'
import { type Ended, type Journal, type JournalRecord, reportId } from './journal.ts'

/** How late a burst may be, by the attempts that run or wait: not at all for one or two, more when many hide it. */
const burstsMs = [
  { from: 12, ms: 16 },
  { from: 3, ms: 5 },
]
/** The journal can't be written (full disk): try again this much later. Nothing is said meanwhile. */
const retryMs = 1_000

type Held = { started: SupervisorReport | null; final: Ended['report'] | null }
type Final = Ended['report']

export class Reporter {
  readonly #held = new Map<string, Held>()
  readonly #journal: Journal
  readonly #onTrouble: (error: Error) => void
  readonly #onQuiet: () => void
  #send: ((reports: readonly SupervisorReport[]) => void) | null = null
  #pending: SupervisorReport[] = []
  /** How many attempts run or wait; set by whoever knows. */
  load: () => number = () => 0
  #lastFlushMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | NodeJS.Immediate | null = null
  #syncing: readonly SupervisorReport[] | null = null

  constructor(
    journal: Journal,
    held: ReadonlyMap<string, Final>,
    onTrouble: (error: Error) => void,
    onQuiet: () => void,
  ) {
    this.#journal = journal
    this.#onTrouble = onTrouble
    this.#onQuiet = onQuiet
    for (const [id, final] of held) this.#held.set(id, { started: null, final })
  }

  /** Everything that is not forgotten: what a new agent is told first. Ends on their way to the journal come later. */
  connect(send: (reports: readonly SupervisorReport[]) => void): void {
    const unsaid = new Set([...this.#pending, ...(this.#syncing ?? [])])
    const reports: SupervisorReport[] = []
    for (const { started, final } of this.#held.values()) {
      if (started && !unsaid.has(started)) reports.push(started)
      if (final && !unsaid.has(final)) reports.push(final)
    }
    this.#send = send
    if (reports.length > 0) send(reports)
  }

  disconnect(): void {
    this.#send = null
  }

  has(id: string): boolean {
    return this.#held.has(id)
  }

  /** Ends that nobody has taken yet. */
  finals(): Ended[] {
    const finals: Ended[] = []
    for (const [id, { final }] of this.#held) if (final) finals.push({ id, report: final })
    return finals
  }

  started(id: string, pid: number, atMs: number): void {
    const report: SupervisorReport = { kind: 'started', attemptId: id, pid, atMs }
    this.#held.set(id, { started: report, final: null })
    this.#say(report)
  }

  final(report: Final): void {
    const held = this.#held.get(reportId(report))
    if (held) held.final = report
    else this.#held.set(reportId(report), { started: null, final: report })
    this.#say(report)
  }

  /** Only ends can be forgotten. */
  forget(ids: readonly string[]): void {
    const gone = ids.filter((id) => this.#held.get(id)?.final)
    if (gone.length === 0) return
    for (const id of gone) this.#held.delete(id)
    this.#append([{ t: 'forgotten', ids: gone }])
  }

  /** Nothing is on its way to the journal or to the agent. */
  get quiet(): boolean {
    return this.#pending.length === 0 && this.#syncing === null
  }

  #say(report: SupervisorReport): void {
    this.#pending.push(report)
    if (this.#timer || this.#syncing) return
    const sinceMs = performance.now() - this.#lastFlushMs
    if (sinceMs >= this.#burstMs) this.#timer = setImmediate(() => this.#flush())
    else this.#timer = setTimeout(() => this.#flush(), this.#burstMs - sinceMs)
  }

  get #burstMs(): number {
    const load = this.load()
    return burstsMs.find(({ from }) => load >= from)?.ms ?? 0
  }

  #flush(): void {
    this.#timer = null
    const reports = this.#pending
    this.#pending = []
    const finals: JournalRecord[] = []
    for (const report of reports) if (report.kind !== 'started') finals.push({ t: 'final', report })
    if (finals.length === 0) return this.#flushed(reports)
    if (!this.#append(finals)) return this.#retry(reports)
    this.#syncing = reports
    this.#journal.sync((error) => {
      this.#syncing = null
      if (!error) return this.#flushed(reports)
      this.#onTrouble(error)
      this.#retry(reports)
    })
  }

  /** What came while the journal was being synced waits for the next burst. */
  #flushed(reports: readonly SupervisorReport[]): void {
    this.#lastFlushMs = performance.now()
    this.#send?.(reports)
    if (this.#pending.length > 0) this.#timer = setTimeout(() => this.#flush(), this.#burstMs)
    else this.#onQuiet()
  }

  #retry(reports: SupervisorReport[]): void {
    this.#pending = [...reports, ...this.#pending]
    this.#timer = setTimeout(() => this.#flush(), retryMs)
  }

  #append(records: readonly JournalRecord[]): boolean {
    try {
      this.#journal.append(records)
      return true
    } catch (error) {
      this.#onTrouble(error as Error)
      return false
    }
  }
}
