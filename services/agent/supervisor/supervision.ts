/**
 * What the supervisor does with what it is told: queue, spawn, stop, forget, leave. The one place that knows every
 * attempt. It must not know NATS, the log or a job's meaning: an attempt id, a command, resources, that is all.
 */

import { RunQueue, type StartRequest, type SupervisorAttempt } from '#process'
import type { Resources } from '#schemas'
import { type AttemptContext, RunningAttempt } from './attempt.ts'
import type { Journal, JournalRecord } from './journal.ts'
import type { Reporter } from './reporter.ts'

/** Whoever ends all attempts is in a hurry: longer graces are cut to this. */
const leavingGraceMsMax = 5_000
/** Ids that were forgotten lately: a late repeat of a start must not spawn them again. */
const forgottenKept = 10_000

export type SupervisionDeps = {
  context: AttemptContext
  journal: Journal
  reporter: Reporter
  bootId: string
  capacity: Resources
  /** Nothing runs, nothing waits. Called after each attempt that leaves it so. */
  onIdle: () => void
  onTrouble: (error: Error) => void
}

export class Supervision {
  readonly #deps: SupervisionDeps
  readonly #queue: RunQueue<StartRequest>
  readonly #running = new Map<string, RunningAttempt>()
  readonly #forgotten = new Set<string>()
  #leaving = false
  #filling: NodeJS.Immediate | null = null
  #expiry: NodeJS.Timeout | null = null

  constructor(deps: SupervisionDeps) {
    this.#deps = deps
    this.#queue = new RunQueue(deps.capacity)
  }

  /** Attempts that run or wait. */
  get load(): number {
    return this.#running.size + this.#queue.waiting
  }

  /** The next attempt may be spawned. */
  containmentReady(): void {
    this.#fill()
  }

  get idle(): boolean {
    return this.#running.size === 0 && this.#queue.waiting === 0
  }

  /** Live attempts first; ends that were not forgotten are the reporter's. */
  attempts(): SupervisorAttempt[] {
    const attempts: SupervisorAttempt[] = []
    for (const attemptId of this.#queue.ids()) attempts.push({ attemptId, state: 'waiting', pid: null })
    for (const [attemptId, { pid }] of this.#running) attempts.push({ attemptId, state: 'running', pid: pid || null })
    for (const { id, report } of this.#deps.reporter.finals())
      attempts.push({ attemptId: id, state: report.kind === 'ended' ? 'ended' : 'unstarted', pid: null })
    return attempts
  }

  start(requests: readonly StartRequest[]): void {
    const nowMs = performance.now()
    for (const request of requests) {
      const id = request.attemptId
      if (this.#running.has(id) || this.#queue.has(id) || this.#deps.reporter.has(id) || this.#forgotten.has(id))
        continue
      if (this.#leaving) this.#deps.reporter.final({ kind: 'unstarted', attemptId: id, why: 'stopped' })
      else this.#queue.push(request, nowMs)
    }
    this.#fill()
    this.#watchExpiry()
  }

  stop(attemptId: string, graceMs: number): void {
    if (this.#queue.remove(attemptId)) {
      this.#deps.reporter.final({ kind: 'unstarted', attemptId, why: 'stopped' })
      this.#settled()
    } else this.#running.get(attemptId)?.stop('cancelled', graceMs)
  }

  forget(attemptIds: readonly string[]): void {
    this.#deps.reporter.forget(attemptIds)
    for (const id of attemptIds) {
      this.#forgotten.add(id)
      if (this.#forgotten.size > forgottenKept) this.#forgotten.delete(this.#forgotten.values().next().value!)
    }
    this.#tidyJournal()
  }

  setCapacity(capacity: Resources): void {
    this.#queue.setCapacity(capacity)
    this.#fill()
  }

  /** Ends everything and takes nothing new. */
  endAll(message: string): void {
    this.#leaving = true
    for (const id of this.#queue.ids()) this.stop(id, 0)
    for (const attempt of this.#running.values()) {
      const graceMs = Math.min(attempt.request.graceMs, leavingGraceMsMax)
      attempt.stop('lost', graceMs, { code: 'host-leaving', message })
    }
  }

  /** Spawning blocks for most of a millisecond each: between two spawns, exits and messages get their turn. */
  #fill(): void {
    if (this.#filling || !this.#deps.context.containment.ready) return
    const request = this.#queue.take()
    if (!request) return
    this.#filling = setImmediate(() => {
      this.#filling = null
      this.#fill()
    })
    this.#spawn(request)
  }

  #spawn(request: StartRequest): void {
    const { context, journal, reporter } = this.#deps
    const id = request.attemptId
    try {
      // Before the spawn: whatever happens now, the next supervisor knows that it may have been spawned.
      journal.append([{ t: 'spawning', id }])
    } catch (error) {
      this.#deps.onTrouble(error as Error)
      this.#queue.release(request.resources)
      // Nothing was spawned, and nothing can be while its journal can't be written: the scheduler finds another host.
      const text = `The supervisor's journal can't be written: ${(error as Error).message}`
      reporter.final({ kind: 'unstarted', attemptId: id, why: 'no-room', text })
      return
    }
    const done = (report: Parameters<Reporter['final']>[0]): void => {
      this.#running.delete(id)
      this.#queue.release(request.resources)
      reporter.final(report)
      this.#settled()
    }
    const attempt = new RunningAttempt(
      request,
      context,
      (end) => done({ kind: 'ended', end }),
      (text) => done({ kind: 'unstarted', attemptId: id, why: 'no-room', text }),
    )
    this.#running.set(id, attempt)
    attempt.spawn(this.#queue.waiting > 0)
    if (attempt.pid !== 0) reporter.started(id, attempt.pid, attempt.startedAtMs)
  }

  #settled(): void {
    this.#fill()
    if (this.idle) this.#deps.onIdle()
  }

  #watchExpiry(): void {
    const nextMs = this.#queue.nextExpiryMs()
    if (this.#expiry || nextMs === null) return
    this.#expiry = setTimeout(
      () => {
        this.#expiry = null
        for (const { attemptId } of this.#queue.expire(performance.now()))
          this.#deps.reporter.final({ kind: 'unstarted', attemptId, why: 'queue-wait' })
        this.#settled()
        this.#watchExpiry()
      },
      Math.max(1, nextMs - performance.now()),
    )
  }

  #tidyJournal(): void {
    const { journal, reporter, bootId } = this.#deps
    if (!journal.wantsRewrite || !reporter.quiet) return
    const records: JournalRecord[] = [{ t: 'life', bootId, pid: process.pid }]
    for (const id of this.#running.keys()) records.push({ t: 'spawning', id })
    for (const { report } of reporter.finals()) records.push({ t: 'final', report })
    try {
      journal.rewrite(records)
    } catch (error) {
      this.#deps.onTrouble(error as Error)
    }
  }
}
