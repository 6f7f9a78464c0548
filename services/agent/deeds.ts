/** What the brain's outputs do to the world, and how the world's answers come back to it as inputs. */
import type { Broker, HostFollow, LogMessage } from '#eventlog'
import { baseEnvironment, type Supervisor, type SupervisorAttempt, type SupervisorReport } from '#process'
import type { Logger } from '#runtime'
import { type BeatBody, decodeMessage, limits, type Subjects } from '#schemas'
import type { AttemptFolders } from './attempt-folders.ts'
import type { LogInput, Output } from './brain/index.ts'
import type { OutputShipper } from './output/shipper.ts'
import { publishUntilIn } from './publishing.ts'
import type { Spool } from './spool/spool.ts'
import { startRequestOf } from './starting.ts'
import type { SupervisorLink } from './supervisor-link.ts'
import type { Turns } from './turns.ts'
import type { UsageWatch } from './usage-watch.ts'

export type DeedsDeps = {
  data: string
  host: string
  broker: Broker
  spool: Spool
  turns: Turns
  link: SupervisorLink
  usage: UsageWatch
  shipper: OutputShipper
  folders: AttemptFolders
  subjects: Subjects
  logger: Logger
  signal: AbortSignal
}

const encoder = new TextEncoder()

export class Deeds {
  /** Resolves when this incarnation's `joined` is in LOG. */
  readonly joined: Promise<void>
  readonly #deps: DeedsDeps
  readonly #environment = baseEnvironment(process.env)
  #follow: HostFollow | null = null
  #isJoined: () => void = () => {}
  hasJoined = false

  constructor(deps: DeedsDeps) {
    this.#deps = deps
    this.joined = new Promise((resolve) => {
      this.#isJoined = resolve
    })
  }

  perform(output: Output): void {
    const { spool, turns, link, broker, folders, logger, subjects } = this.#deps
    switch (output.kind) {
      case 'spool': {
        const { batch } = output
        return spool.append(output.records, output.urgent, () => turns.post({ kind: 'spooled', batch }))
      }
      case 'acknowledge':
        return this.#follow?.acknowledge(output.sequence)
      case 'publish':
        return void this.#publish(output.id, output.bytes)
      case 'start': {
        const { host, data } = this.#deps
        return link.supervisor?.start(
          output.orders.map((order) => startRequestOf(order, host, data, this.#environment)),
        )
      }
      case 'stop':
        return link.supervisor?.stop(output.id, output.graceMs)
      case 'forget':
        link.supervisor?.forget(output.ids)
        for (const id of output.ids) folders.forgotten(id)
        return
      case 'notice':
        return broker.notices.publish(
          subjects.notice(output.notice.id, 'started'),
          encoder.encode(JSON.stringify(output.notice)),
        )
      case 'joined':
        this.hasJoined = true
        return this.#isJoined()
      case 'say':
        return logger[output.level](output.about, output.text)
    }
  }

  takeReports(reports: readonly SupervisorReport[]): void {
    const { usage, shipper, folders, turns } = this.#deps
    const said = reports.map((report): SupervisorReport => {
      if (report.kind === 'started') {
        usage.started(report.attemptId, report.pid)
        shipper.started(report.attemptId)
        return report
      }
      if (report.kind === 'unstarted') return report
      const end = usage.ended(report.end)
      const { attemptId } = end
      const short = Math.max(end.stdoutBytes, end.stderrBytes) <= limits.tailBytesMax
      // What a tree that would not die may still write stays where it is.
      folders.ended(attemptId, short && end.error?.code !== 'kill-failed')
      shipper.ended(end, () => folders.shipped(attemptId))
      return { kind: 'ended', end }
    })
    turns.post({ kind: 'reports', reports: said })
  }

  supervisorUp({ hello }: Supervisor): void {
    const { usage, turns, folders } = this.#deps
    usage.setCgroupRoot(hello.cgroupRoot)
    folders.proved = hello.cgroupRoot !== null
    // The first is part of `begin`.
    if (turns.brain.identity) turns.post({ kind: 'supervisor-up', pid: hello.pid, attempts: hello.attempts })
  }

  /** Attempts of a log that is gone: nobody will ever ask for them. Their reports are answered with forget. */
  endForeign(attempts: readonly SupervisorAttempt[]): void {
    for (const { attemptId, state } of attempts)
      if (state === 'running' || state === 'waiting') this.#deps.link.supervisor?.stop(attemptId, 0)
  }

  /** Follows this host's orders until stopped. Rejects when that can't go on. */
  follow(): Promise<void> {
    const { broker, host, turns, signal } = this.#deps
    this.#follow = broker.log.followHost({
      host,
      signal,
      onMessages: (messages) => turns.post({ kind: 'log', messages: messages.map((message) => this.#read(message)) }),
    })
    return this.#follow.closed
  }

  async unfollow(): Promise<void> {
    await this.#follow?.stop()
  }

  /** From here on orders are given back. */
  close(): void {
    this.#deps.turns.post({ kind: 'closing' })
  }

  /** Resolves when `left`, and everything before it, is in LOG. */
  async sayLeft(text: string): Promise<void> {
    const { turns } = this.#deps
    turns.post({ kind: 'leave', text })
    await turns.quiet()
  }

  beat(incarnation: string): BeatBody {
    const { brain } = this.#deps.turns
    let running = 0
    let waiting = 0
    for (const { phase, started } of brain.attempts.values()) {
      if (phase === 'ended') continue
      if (started) running++
      else waiting++
    }
    return {
      host: brain.host,
      incarnation,
      bootId: brain.bootId ?? '',
      at: Date.now(),
      running,
      waiting,
      spool: brain.outbox.length,
    }
  }

  #read({ subject, sequence, id, bytes }: LogMessage): LogInput {
    const parsed = this.#deps.subjects.parse(subject)
    if (parsed?.kind === 'facts') return { sequence, message: { kind: 'echo', id } }
    if (parsed?.kind !== 'orders' && parsed?.kind !== 'control') return { sequence, message: { kind: 'other' } }
    const decoded = decodeMessage(parsed, bytes)
    if (decoded.kind === 'malformed') {
      this.#deps.logger.warn({ subject, sequence, faults: decoded.faults }, 'a malformed message was passed over')
      return { sequence, message: { kind: 'other' } }
    }
    if (parsed.kind === 'orders') return { sequence, message: { kind: 'orders', commit: decoded.commit } }
    const claims = decoded.commit.events.some(({ type }) => type === 'leader-claimed')
    return { sequence, message: { kind: claims ? 'leader-claimed' : 'other' } }
  }

  async #publish(id: string, bytes: Uint8Array): Promise<void> {
    const { broker, subjects, host, logger, signal, turns } = this.#deps
    const sequence = await publishUntilIn({ broker, subject: subjects.facts(host), logger, signal }, id, bytes)
    if (sequence !== null) turns.post({ kind: 'published', id, sequence })
  }
}
