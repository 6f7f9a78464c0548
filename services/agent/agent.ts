/**
 * The agent's shell: holds broker, spool, supervisor and timers, hands what they say to the brain, and does what the
 * brain says. It decides nothing about a job itself. Start and stop are here; the deeds are in deeds.ts.
 */
import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Broker, BrokerError } from '#eventlog'
import { readBootId, takeLock } from '#process'
import { type Logger, newId, type Service, systemClock, UserError } from '#runtime'
import { limits, type Subjects, subjectsOf, timing } from '#schemas'
import { AttemptFolders, sweepAttempts } from './attempt-folders.ts'
import { Deeds } from './deeds.ts'
import { Heartbeat } from './heartbeat.ts'
import { ownVersion } from './host.ts'
import type { AgentOptions } from './options.ts'
import { OutputShipper } from './output/shipper.ts'
import { lastClaim } from './publishing.ts'
import { remember } from './remember.ts'
import { SupervisorLink } from './supervisor-link.ts'
import { probeTools } from './tools.ts'
import { Turns } from './turns.ts'
import { UsageWatch } from './usage-watch.ts'

const supervisorIdleExitMs = 60_000
const sweepEveryMs = 3_600_000
/** Parts of the stop, so that it ends within the 15 s that runService gives. */
const endJobsLimitMs = 9_000
const lastWordsLimitMs = 3_000

export type AgentSettings = Omit<AgentOptions, 'servers'> & {
  connect: (signal: AbortSignal) => Promise<Broker>
  logger: Logger
}

export class Agent implements Service {
  readonly name = 'agent'
  readonly failed: Promise<never>
  readonly #settings: AgentSettings
  readonly #subjects: Subjects
  readonly #stopping = new AbortController()
  #fail: (error: unknown) => void = () => {}
  #deeds: Deeds | null = null
  #broker: Broker | null = null
  #link: SupervisorLink | null = null
  /** What has to be undone, last first. */
  readonly #undo: (() => void | Promise<void>)[] = []
  #stopped: Promise<void> | null = null

  constructor(settings: AgentSettings) {
    this.#settings = settings
    this.#subjects = subjectsOf(settings.namespace)
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
  }

  readiness(): Record<string, unknown> {
    return { host: this.#settings.host, supervisorPid: this.#link?.supervisor?.hello.pid ?? null }
  }

  /** Resolves when `joined` is in LOG: from then on the scheduler may send orders. */
  async start(): Promise<void> {
    const { host, capacity, labels, logger } = this.#settings
    const { signal } = this.#stopping
    const data = this.#takeFolder()
    const tools = probeTools()
    const broker = await this.#connect()
    const { createdMs } = await broker.log.info()
    const incarnation = newId()
    const { brain, spool, otherLog } = remember(data, host, incarnation, createdMs, logger)
    this.#undo.push(() => spool.close())

    const usage = new UsageWatch()
    const shipper = new OutputShipper({
      data,
      output: broker.output,
      nowMs: () => systemClock.wallMs(),
      onTrouble: (err, attempt) => logger.warn({ err, attempt }, 'output could not be shipped; trying again'),
    })
    const folders = new AttemptFolders(data)
    const turns = new Turns(
      brain,
      (output) => deeds.perform(output),
      () => systemClock.wallMs(),
    )
    const link = new SupervisorLink(data, this.#supervisorSettings(), logger, {
      onReports: (reports) => deeds.takeReports(reports),
      onUp: (supervisor) => deeds.supervisorUp(supervisor),
      onDown: () => turns.post({ kind: 'supervisor-down' }),
    })
    this.#link = link
    const subjects = this.#subjects
    const deeds = new Deeds({
      data,
      host,
      broker,
      spool,
      turns,
      link,
      usage,
      shipper,
      folders,
      subjects,
      logger,
      signal,
    })
    this.#deeds = deeds
    await link.open()
    const { hello } = link.supervisor!
    if (otherLog) deeds.endForeign(hello.attempts)
    usage.start()
    const known = await tools
    turns.begin({
      kind: 'begin',
      logCreatedMs: createdMs,
      attempts: otherLog ? [] : hello.attempts,
      identity: {
        bootId: readBootId(),
        incarnation,
        capacity,
        labels,
        tools: known,
        containment: hello.containment,
        version: ownVersion(),
        agentPid: process.pid,
        supervisorPid: hello.pid,
      },
    })
    const heartbeat = new Heartbeat(broker, subjects.beat(host), () => deeds.beat(incarnation))
    const sweep = (): void => {
      const removed = sweepAttempts(data, (id) => brain.attempts.has(id) || folders.has(id), systemClock.wallMs())
      if (removed > 0) logger.info({ removed }, 'folders of attempts that ended long ago removed')
    }
    sweep()
    const sweeper = setInterval(sweep, sweepEveryMs)
    this.#undo.push(() => {
      clearInterval(sweeper)
      heartbeat.stop()
      usage.stop()
      shipper.stop()
      turns.stop()
    })
    await deeds.joined
    const claim = await lastClaim(broker, subjects.leaderClaimed, logger, signal)
    if (claim !== null) turns.post({ kind: 'leader', sequence: claim })
    deeds.follow().catch((error) => this.#fail(error))
    logger.info({ data, containment: hello.containment, supervisor: hello.pid, capacity, tools: known }, 'joined')
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const deeds = this.#deeds
    const { endJobsOnStop } = this.#settings
    if (deeds?.hasJoined) deeds.close()
    // Its ends come as reports, go into LOG and are forgotten; then the supervisor leaves.
    if (endJobsOnStop) await within(endJobsLimitMs, this.#link?.retire(true))
    if (deeds?.hasJoined) {
      await within(lastWordsLimitMs, deeds.sayLeft(endJobsOnStop ? 'stopped, with its jobs' : 'stopped'))
      await deeds.unfollow()
    }
    if (!endJobsOnStop) await within(500, this.#link?.retire(false))
    this.#stopping.abort()
    this.#link?.close()
    await within(2_000, this.#broker?.close())
    for (const undo of this.#undo.reverse()) await undo()
  }

  /** One agent a folder. Throws UserError 'locked'. */
  #takeFolder(): string {
    mkdirSync(this.#settings.data, { recursive: true, mode: 0o700 })
    const data = realpathSync(this.#settings.data)
    const lock = takeLock(join(data, 'agent.lock'))
    if (!lock.held)
      throw new UserError(
        'locked',
        `Another agent (pid ${lock.owner.pid}) uses the folder ${data}.`,
        'Stop it, or give this one another --data folder and another --host-id.',
        4,
      )
    this.#undo.push(() => lock.release())
    return data
  }

  async #connect(): Promise<Broker> {
    try {
      this.#broker = await this.#settings.connect(this.#stopping.signal)
      return this.#broker
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'unreachable') throw error
      throw new UserError('no-server', error.message, 'Is the nats-server up, and is --nats right?', 5, {
        cause: error,
      })
    }
  }

  #supervisorSettings() {
    const { capacity, containment } = this.#settings
    return {
      version: ownVersion(),
      capacity,
      containment,
      tailBytes: limits.tailBytesMax,
      killVerifyMs: timing.killVerifyMs,
      idleExitMs: supervisorIdleExitMs,
    }
  }
}

const within = async (limitMs: number, work: Promise<unknown> | undefined): Promise<void> => {
  const stop = new AbortController()
  await Promise.race([work, delay(limitMs, undefined, { signal: stop.signal })]).catch(() => {})
  stop.abort()
}
