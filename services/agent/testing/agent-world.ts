/**
 * A real agent process with its real supervisor, a real nats-server, and a hand-written leader that orders what a test
 * wants. It ends what it started, and only that.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, connectBroker, type OutputChunk, prepareStreams } from '#eventlog'
import { isRunning, type LockOwner, readProcessStat } from '#process'
import {
  type BeatBody,
  decodeMessage,
  type Event,
  type Exited,
  encodeCommit,
  type JobSpec,
  type OrderEvent,
  subjectsOf,
} from '#schemas'
import { nodeArguments } from '../supervisor-process.ts'
import { until } from './supervisor-cell.ts'

const subjects = subjectsOf('mr')

/** An event as it came in LOG. */
export type Seen = Event & { at: { sequence: number; commit: string; subject: string } }

export class AgentWorld {
  readonly data = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-agent-')))
  readonly seen: Seen[] = []
  readonly beats: BeatBody[] = []
  readonly notices: string[] = []
  readonly broker: Broker
  readonly #url: string
  readonly host: string
  epoch = 0
  agent: ChildProcess | null = null
  stderr = ''
  #orders = 0

  private constructor(broker: Broker, url: string, host: string) {
    this.broker = broker
    this.#url = url
    this.host = host
  }

  static async on(url: string, host: string): Promise<AgentWorld> {
    await prepareStreams({ servers: url })
    const world = new AgentWorld(await connectBroker({ servers: url, name: `leader-of-${host}` }), url, host)
    world.broker.log.follow({
      from: 1,
      onMessages: (messages) => {
        for (const { subject, sequence, id, bytes } of messages) {
          // Other worlds share the server; garbage is a test's own.
          const parsed = subjects.parse(subject)
          if (!parsed || !('host' in parsed) || parsed.host !== host) continue
          const decoded = decodeMessage(parsed, bytes)
          if (decoded.kind !== 'commit') continue
          for (const event of decoded.commit.events) {
            world.seen.push({ ...event, at: { sequence, commit: id, subject } } as Seen)
            if (event.type === 'joined') void world.broker.log.ensureHostConsumer(host, sequence)
          }
        }
      },
    })
    world.broker.beats.watch(subjects.beat(host), (_, bytes) => void world.beats.push(JSON.parse(decode(bytes))))
    world.broker.notices.subscribe('mr.notice.*.started', (_, bytes) => void world.notices.push(decode(bytes)))
    await world.lead()
    return world
  }

  /** A new epoch. */
  async lead(): Promise<void> {
    const last = await this.broker.log.last(subjects.leaderClaimed)
    const ack = await this.broker.log.append({
      subject: subjects.leaderClaimed,
      id: `${this.host}/claim/${last?.sequence ?? 0}`,
      bytes: this.#commit({ type: 'leader-claimed', leader: `leader-of-${this.host}` }, `claim/${last?.sequence ?? 0}`),
    })
    this.epoch = ack.sequence
  }

  /** Starts the agent's process; resolves when it is ready. */
  start(...flags: string[]): Promise<void> {
    return this.startAt(this.#url, ...flags)
  }

  async startAt(url: string, ...flags: string[]): Promise<void> {
    const script = new URL('../main.ts', import.meta.url)
    const args = [...nodeArguments(script), '--nats', url, '--host-id', this.host, '--data', this.data, ...flags]
    const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.agent = agent
    let ready = ''
    agent.stdout.on('data', (chunk) => {
      ready += String(chunk)
    })
    agent.stderr.on('data', (chunk) => {
      this.stderr += String(chunk)
    })
    await until(() => ready.includes('\n') || agent.exitCode !== null)
  }

  /** Ends the agent by a signal; resolves with how it ended. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    const agent = this.agent!
    agent.kill(signal)
    await until(() => agent.exitCode !== null || agent.signalCode !== null)
    return agent.exitCode ?? agent.signalCode
  }

  assign(job: string, spec: JobSpec, attempt = 1): Promise<number> {
    return this.order({ type: 'assigned', job, attempt, spec, reason: { code: 'first-fit' } })
  }

  order(...events: OrderEvent[]): Promise<number> {
    return this.orderIn(this.epoch, ...events)
  }

  async orderIn(epoch: number, ...events: OrderEvent[]): Promise<number> {
    const id = `${this.host}/orders/${++this.#orders}`
    const bytes = encodeCommit({ v: 1, id, source: 'test', time: 0, epoch, events })
    return (await this.broker.log.append({ subject: subjects.orders(this.host), id, bytes })).sequence
  }

  of<T extends Event['type']>(type: T, job?: string): (Seen & { type: T })[] {
    const matches = (event: Seen): boolean =>
      event.type === type && (job === undefined || ('job' in event && event.job === job))
    return this.seen.filter(matches) as (Seen & { type: T })[]
  }

  /** The end of a job's attempt, once it is in LOG. */
  async exited(job: string): Promise<Exited> {
    await until(() => this.of('exited', job).length > 0)
    return this.of('exited', job)[0]!
  }

  /** Everything shipped of one stream so far, put together by offset. */
  async shipped(job: string, stream: 'out' | 'err', enough: (chunks: OutputChunk[]) => boolean): Promise<Buffer> {
    const chunks: OutputChunk[] = []
    const follow = this.broker.output.follow(job, (chunk) => {
      if (chunk.stream === stream) chunks.push(chunk)
    })
    await until(() => enough(chunks))
    await follow.stop()
    const bytes = Buffer.alloc(Math.max(0, ...chunks.map(({ offset, bytes: part }) => offset + part.length)))
    for (const chunk of chunks) bytes.set(chunk.bytes, chunk.offset)
    return bytes
  }

  /** Pid of the supervisor of this folder; 0 when none runs. */
  supervisorPid(): number {
    try {
      const { pid } = JSON.parse(readFileSync(join(this.data, 'supervisor.lock'), 'utf8')) as LockOwner
      return isRunning(readProcessStat(pid)) ? pid : 0
    } catch {
      return 0
    }
  }

  async dispose(): Promise<void> {
    if (this.agent && this.agent.exitCode === null && this.agent.signalCode === null) await this.end('SIGKILL')
    const supervisor = this.supervisorPid()
    if (supervisor > 0) {
      process.kill(supervisor, 'SIGTERM')
      await until(() => !isRunning(readProcessStat(supervisor)))
    }
    await this.broker.close()
    rmSync(this.data, { recursive: true, force: true })
  }

  #commit(event: Event, id: string): Uint8Array {
    return encodeCommit({ v: 1, id, source: 'test', time: 0, events: [event] })
  }
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
