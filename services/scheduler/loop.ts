/**
 * The loop of the house: fold what the log brings, plan when there is something to plan, publish, and plan again only
 * when all of that has come back in the log. Never awaits per event; never plans on a state that lacks its own earlier
 * plan; never plans outside a reign.
 */
import { type Cluster, isEmptyPlan, plan } from '#domain'
import type { Broker, LogMessage } from '#eventlog'
import type { Clock, Logger } from '#runtime'
import type { DoneNotice, Subjects } from '#schemas'
import type { BrokerTime } from './brokertime.ts'
import { commitsOf, type OutgoingCommit } from './commits.ts'
import type { Fold } from './fold.ts'
import type { Liveness } from './liveness.ts'
import { Pass } from './publish.ts'
import type { LastMessage } from './snapshots.ts'

export type LoopOptions = {
  broker: Pick<Broker, 'log' | 'notices'>
  subjects: Subjects
  clock: Clock
  logger: Logger
  source: string
  fold: Fold
  time: BrokerTime
  liveness: Liveness
  /** The epoch in which decisions may be made at this very moment, else null. */
  epochNow: () => number | null
  onFailure: (error: unknown) => void
}

type Reign = {
  epoch: number
  passes: number
  pass: Pass | null
  /** Monotonic ms before which no pass is made: far back unless the last one was large. */
  notBeforeMs: number
  end: AbortController
}

/** Longest a timer is armed for: it is armed anew with each plan anyway, and setTimeout wraps at 2^31. */
const timerMsMax = 60_000
const livenessMs = 250
/** A pass with so many events is one of a busy cell: the next one gathers for a while, hidden by the work ordered ahead. */
const busyFrom = 8
const paceMs = 16
const encoder = new TextEncoder()

export class Loop {
  readonly #options: LoopOptions
  #reign: Reign | null = null
  #planQueued = false
  #dueTimer: NodeJS.Timeout | null = null
  #livenessTimer: NodeJS.Timeout | null = null
  #held: LogMessage[] | null = null
  /** Id and broker time of the last message folded: what a snapshot is checked against. */
  last: LastMessage | null

  constructor(options: LoopOptions, last: LastMessage | null) {
    this.#options = options
    this.last = last
  }

  /** A batch from the log, in order. Throws FoldError, which must end the subscription. */
  onMessages(messages: readonly LogMessage[]): void {
    if (this.#held) {
      for (const message of messages) this.#held.push(message)
      return
    }
    const { fold, time, clock } = this.#options
    for (const message of messages) {
      fold.message(message)
      this.#reign?.pass?.seen(message.id, message.sequence)
    }
    const newest = messages.at(-1)
    if (!newest) return
    this.last = { id: newest.id, timeMs: newest.timeMs }
    time.observe(newest.timeMs, clock.monotonicMs())
    this.#afterFold()
  }

  /** Keeps the cluster as it is, while a snapshot is taken; what arrives meanwhile waits. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = null
    try {
      this.onMessages(held)
    } catch (error) {
      this.#options.onFailure(error)
    }
  }

  /** A reign begins; gives the signal that ends with it. */
  lead(epoch: number): AbortSignal {
    this.stepDown()
    const end = new AbortController()
    this.#reign = { epoch, passes: 0, pass: null, notBeforeMs: Number.NEGATIVE_INFINITY, end }
    this.#options.liveness.takeOver(this.#cluster.hosts.keys(), this.#options.clock.monotonicMs())
    this.#livenessTimer = setInterval(() => {
      this.#options.liveness.look(this.#cluster.hosts.keys(), this.#options.clock.monotonicMs())
      this.queuePlan()
    }, livenessMs)
    this.queuePlan()
    return end.signal
  }

  /** The reign is over: what is under way is abandoned. Idempotent. */
  stepDown(): void {
    this.#reign?.end.abort()
    this.#reign = null
    if (this.#livenessTimer) clearInterval(this.#livenessTimer)
    if (this.#dueTimer) clearTimeout(this.#dueTimer)
    this.#livenessTimer = null
    this.#dueTimer = null
  }

  /** Plans once the messages at hand are folded; several askings make one plan. Nothing happens while a pass is under way. */
  queuePlan(): void {
    if (this.#planQueued || !this.#reign || this.#reign.pass) return
    this.#planQueued = true
    const planNow = () => {
      this.#planQueued = false
      try {
        this.#plan()
      } catch (error) {
        this.#options.onFailure(error)
      }
    }
    const waitMs = this.#reign.notBeforeMs - this.#options.clock.monotonicMs()
    if (waitMs >= 1) setTimeout(planNow, waitMs)
    else setImmediate(planNow)
  }

  get #cluster(): Cluster {
    return this.#options.fold.cluster
  }

  #afterFold(): void {
    const reign = this.#reign
    if (!reign) return
    if (reign.pass?.isOver(this.#options.fold.sequence)) reign.pass = null
    this.queuePlan()
  }

  #plan(): void {
    const { clock, time, liveness, epochNow, fold } = this.#options
    const reign = this.#reign
    // Lapsed but not yet told (a pause): the next tick ends the reign.
    if (!reign || reign.pass || epochNow() !== reign.epoch) return
    const nowMs = time.now(clock.monotonicMs())
    const made = plan(fold.cluster, { nowMs, silentMs: liveness.silentMs })
    this.#armTimer(made.nextAtMs, nowMs)
    if (isEmptyPlan(made)) return
    const { subjects, source } = this.#options
    const commits = commitsOf(made, {
      epoch: reign.epoch,
      pass: reign.passes++,
      source,
      wallMs: clock.wallMs(),
      subjects,
    })
    fold.expectOwn([...commits.decisions, ...commits.orders])
    const { broker, logger, onFailure } = this.#options
    const pass = new Pass({
      log: broker.log,
      logger,
      commits,
      signal: reign.end.signal,
      onStored: (commit, sequence) => this.#stored(commit, sequence),
    })
    reign.pass = pass
    const orders = [...made.orders.values()].reduce((sum, events) => sum + events.length, 0)
    if (made.decisions.length + orders >= busyFrom) reign.notBeforeMs = clock.monotonicMs() + paceMs
    pass.publish().then(
      () => this.#afterFold(),
      (error) => (reign.end.signal.aborted ? undefined : onFailure(error)),
    )
  }

  /** Those who wait are told only now: the decision is in the log. */
  #stored(commit: OutgoingCommit, seq: number): void {
    const { broker, subjects } = this.#options
    for (const done of commit.done) {
      const notice: DoneNotice = { ...done, seq }
      broker.notices.publish(subjects.done(done.id), encoder.encode(JSON.stringify(notice)))
    }
  }

  #armTimer(atMs: number | null, nowMs: number): void {
    if (this.#dueTimer) clearTimeout(this.#dueTimer)
    this.#dueTimer = null
    if (atMs === null) return
    const delayMs = Math.min(Math.max(atMs - nowMs, 1), timerMsMax)
    this.#dueTimer = setTimeout(() => this.queuePlan(), delayMs)
  }
}
