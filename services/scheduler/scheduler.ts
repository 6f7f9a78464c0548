/**
 * One scheduler: folds the log all the time and, while it leads, decides. This file only wires the parts; the way of
 * an event is loop.ts. A scheduler keeps nothing that the log does not hold; killing one at any moment loses nothing.
 */
import { createHash } from 'node:crypto'
import type { Broker, Follow, LogMessage } from '#eventlog'
import { type Clock, type Logger, newId, type Service, systemClock } from '#runtime'
import { type Subjects, subjectsOf, timing } from '#schemas'
import { BrokerTime } from './brokertime.ts'
import { Fold, FoldError } from './fold.ts'
import { HostConsumers } from './host-consumers.ts'
import { Journal } from './journal.ts'
import { Leadership } from './leadership.ts'
import { Liveness } from './liveness.ts'
import { Loop } from './loop.ts'
import { clusterHash } from './snapshot-form.ts'
import { type LocalSnapshots, Snapshots, type Start } from './snapshots.ts'

export type SchedulerOptions = {
  id: string
  namespace: string
  logger: Logger
  clock?: Clock
  /** Brings the streams into being and connects. */
  connect: () => Promise<Broker>
  /** Opened at start, so that a folder that can't be used is a failure of the start. */
  openSnapshots: () => LocalSnapshots
}

export type SchedulerStatus = {
  role: 'starting' | 'following' | 'claiming' | 'leading' | 'deposed'
  /** The newest claim in the log, whoever made it. */
  epoch: number
  /** Sequence of the last message folded. */
  sequence: number
}

const housekeepingMs = 1_000
const countsMs = 10_000

type Running = {
  broker: Broker
  local: LocalSnapshots
  snapshots: Snapshots
  fold: Fold
  loop: Loop
  leadership: Leadership
  follows: Follow[]
  timers: NodeJS.Timeout[]
}

export class Scheduler implements Service {
  readonly name = 'scheduler'
  readonly failed: Promise<never>
  readonly #options: SchedulerOptions
  readonly #clock: Clock
  readonly #subjects: Subjects
  readonly #leader: string
  #fail: (error: unknown) => void = () => {}
  #opened: Partial<Pick<Running, 'broker' | 'local'>> = {}
  #running: Running | null = null
  #stopped: Promise<void> | null = null

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#subjects = subjectsOf(options.namespace)
    // Unique to this life: an earlier life's claim must never pass for our own.
    this.#leader = `${options.id}.${newId(this.#clock).slice(-8)}`
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
  }

  /** Resolves when the fold has caught up with the log as it was at the start: from then on it can take over. */
  async start(): Promise<void> {
    const { logger } = this.#options
    const local = this.#options.openSnapshots()
    this.#opened = { local }
    const broker = await this.#options.connect()
    this.#opened = { local, broker }
    const snapshots = new Snapshots({ log: broker.log, files: broker.files, local, clock: this.#clock, logger })
    const begin = await snapshots.load(await broker.log.info())
    const running = this.#wire(broker, local, snapshots, begin)
    this.#running = running
    await this.#catchUp(running, begin.sequence + 1)
    if (this.#stopped) return
    running.fold.live = true
    running.leadership.start()
    this.#houseKeeping(running)
  }

  readiness(): Record<string, unknown> {
    return { id: this.#options.id, sequence: this.#running?.fold.sequence ?? 0 }
  }

  status(): SchedulerStatus {
    const running = this.#running
    if (!running?.fold.live) return { role: 'starting', epoch: 0, sequence: running?.fold.sequence ?? 0 }
    const { fold, leadership } = running
    return { role: leadership.kind, epoch: fold.cluster.leader?.epoch ?? 0, sequence: fold.sequence }
  }

  /** Hash of the folded state: equal for equal logs. For tests and for comparing a standby with its leader. */
  stateHash(): string {
    return this.#running ? clusterHash(this.#running.fold.cluster) : createHash('sha256').digest('hex')
  }

  /** Gives leadership back, takes a last snapshot, disconnects. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const running = this.#running
    if (running) {
      const { leadership, loop, follows, timers, snapshots, fold } = running
      for (const timer of timers) clearInterval(timer)
      const led = leadership.kind === 'leading'
      loop.stepDown()
      await leadership.stop()
      await Promise.allSettled(follows.map((follow) => follow.stop()))
      await snapshots.takeLast(fold, loop.last, led)
    }
    await this.#opened.broker?.close()
    this.#opened.local?.close()
  }

  #wire(broker: Broker, local: LocalSnapshots, snapshots: Snapshots, begin: Start): Running {
    const { id, logger } = this.#options
    const clock = this.#clock
    const subjects = this.#subjects
    const liveness = new Liveness()
    const journal = new Journal(logger)
    const consumers = new HostConsumers(broker.log, logger)
    const fail = (error: unknown) => this.#failLoudly(error)
    const fold = new Fold(begin, subjects, {
      onJoined: (host, from) => consumers.ensure(host, from),
      onFact: (host) => liveness.heard(host, clock.monotonicMs()),
      onClaim: (claim) => leadership.claimSeen(claim),
      onLiveEvent: (event, host) => journal.event(event, host),
    })
    const leadership: Leadership = new Leadership({
      broker,
      subjects,
      clock,
      logger,
      leader: this.#leader,
      jitterMs: jitterMsOf(this.#leader),
      newest: fold.cluster.leader,
      onLead: (epoch) => {
        logger.info({ epoch, leader: this.#leader }, 'leading')
        consumers.takeOver(fold.consumerFrom, loop.lead(epoch))
      },
      onStepDown: (epoch, reason) => {
        logger.warn({ epoch, reason }, 'no longer leading')
        loop.stepDown()
      },
      onFailure: fail,
    })
    const loop: Loop = new Loop(
      {
        broker,
        subjects,
        clock,
        logger,
        source: `scheduler/${id}`,
        fold,
        time: new BrokerTime(),
        liveness,
        epochNow: () => leadership.epoch,
        onFailure: fail,
      },
      begin.last,
    )
    const beats = broker.beats.watch(subjects.beats, (subject) => {
      const host = subjects.hostOfBeat(subject)
      if (host !== null) liveness.heard(host, clock.monotonicMs())
    })
    beats.closed.catch(fail)
    const timers = [setInterval(() => journal.counts(fold.cluster.counts), countsMs)]
    return { broker, local, snapshots, fold, loop, leadership, follows: [beats], timers }
  }

  async #catchUp(running: Running, from: number): Promise<void> {
    const { broker, loop, fold, follows } = running
    const { logger } = this.#options
    const startedMs = this.#clock.monotonicMs()
    await new Promise<void>((resolve, reject) => {
      const follow = broker.log.follow({
        from,
        onMessages: (messages: readonly LogMessage[]) => loop.onMessages(messages),
        onCaughtUp: resolve,
      })
      follows.push(follow)
      follow.closed.then(resolve, (error) => {
        reject(error)
        this.#failLoudly(error)
      })
    })
    const tookMs = Math.round(this.#clock.monotonicMs() - startedMs)
    logger.info({ from, sequence: fold.sequence, tookMs }, 'caught up with the log')
  }

  #houseKeeping({ snapshots, fold, loop, leadership, timers }: Running): void {
    timers.push(
      setInterval(() => {
        if (!snapshots.isDue(fold.sequence)) return
        loop.hold()
        void snapshots.take(fold, loop.last, leadership.kind === 'leading', () => loop.release())
      }, housekeepingMs),
    )
  }

  #failLoudly(error: unknown): void {
    if (this.#stopped) return
    if (error instanceof FoldError)
      this.#options.logger.fatal({ sequence: error.sequence, subject: error.subject, err: error }, 'the fold stopped')
    this.#running?.loop.stepDown()
    this.#fail(error)
  }
}

/** Spreads standbys over the jitter by their names, which are random. */
const jitterMsOf = (leader: string): number =>
  createHash('sha256').update(leader).digest().readUInt32BE(0) % (timing.leaderClaimJitterMs + 1)
