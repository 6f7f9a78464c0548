/**
 * The adapter of the leadership machine (#domain leader): gives it what is seen on a monotonic clock, and does what
 * it says: append a claim, renew the lease, start and end reigns. Holds no rule of its own.
 */
import {
  type LeaderInput,
  type LeaderOutput,
  type LeaderState,
  type Lease,
  mayDecide,
  newLeader,
  type StepDownReason,
  stepLeader,
} from '#domain'
import type { Broker, Follow } from '#eventlog'
import type { Clock, Logger } from '#runtime'
import { encodeCommit, type LeaseBody, type Subjects } from '#schemas'
import { pause } from './publish.ts'

export type LeadershipOptions = {
  broker: Pick<Broker, 'log' | 'beats'>
  subjects: Subjects
  clock: Clock
  logger: Logger
  /** Unique to this life of the process. */
  leader: string
  jitterMs: number
  newest: { epoch: number; leader: string } | null
  onLead: (epoch: number) => void
  onStepDown: (epoch: number, reason: StepDownReason) => void
  /** The lease can't be watched any more: without it this instance would depose every healthy leader. */
  onFailure: (error: unknown) => void
}

const tickMs = 100
/** A broker that is away must not keep the process from stopping: standbys then wait the full time. */
const resignLimitMs = 1_000
const decoder = new TextDecoder()
const encoder = new TextEncoder()

export class Leadership {
  readonly #options: LeadershipOptions
  #state: LeaderState
  #watch: Follow | null = null
  #timer: NodeJS.Timeout | null = null
  #claims = 0
  readonly #stop = new AbortController()

  constructor(options: LeadershipOptions) {
    this.#options = options
    this.#state = newLeader({
      self: options.leader,
      jitterMs: options.jitterMs,
      newest: options.newest,
      atMs: options.clock.monotonicMs(),
    })
  }

  /** Begins to watch the lease and to claim. Call when the fold has caught up: before that a claim would only be refused. */
  start(): void {
    const { broker, subjects, clock, onFailure } = this.#options
    this.#watch = broker.beats.watch(subjects.leaderLease, (_subject, bytes) => {
      const lease = readLease(bytes)
      if (lease) this.#feed({ type: 'leaseSeen', lease, atMs: clock.monotonicMs() })
    })
    this.#watch.closed.catch(onFailure)
    this.#timer = setInterval(() => this.#feed({ type: 'tick', atMs: clock.monotonicMs() }), tickMs)
    this.#feed({ type: 'tick', atMs: clock.monotonicMs() })
  }

  /** A `leader-claimed` was folded. */
  claimSeen(claim: { epoch: number; leader: string }): void {
    this.#feed({ type: 'claimSeenInLog', claim, atMs: this.#options.clock.monotonicMs() })
  }

  /** The epoch in which decisions may be made right now, else null. Ask before each plan. */
  get epoch(): number | null {
    return this.#state.kind === 'leading' && mayDecide(this.#state, this.#options.clock.monotonicMs())
      ? this.#state.epoch
      : null
  }

  get kind(): LeaderState['kind'] {
    return this.#state.kind
  }

  /** Gives leadership back (standbys need not wait) and stops. Idempotent. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#feed({ type: 'resign', atMs: this.#options.clock.monotonicMs() })
    this.#stop.abort()
    await Promise.race([this.#resigned, pause(resignLimitMs, new AbortController().signal)])
    await this.#watch?.stop()
  }

  #feed(input: LeaderInput): void {
    const { state, outputs } = stepLeader(this.#state, input)
    this.#state = state
    for (const output of outputs) this.#perform(output)
  }

  #perform(output: LeaderOutput): void {
    switch (output.type) {
      case 'claim':
        void this.#claim(output.expectedLastSubjectSequence)
        return
      case 'renew':
        this.#resigned = this.#renew(output.epoch, output.renewal)
        return
      case 'lead':
        return this.#options.onLead(output.epoch)
      case 'step-down':
        return this.#options.onStepDown(output.epoch, output.reason)
    }
  }

  async #claim(expectLastSubjectSequence: number): Promise<void> {
    const { broker, subjects, clock, leader, logger } = this.#options
    const id = `leader/${leader}/${++this.#claims}`
    const bytes = encodeCommit({
      v: 1,
      id,
      source: `scheduler/${leader}`,
      time: clock.wallMs(),
      events: [{ type: 'leader-claimed', leader }],
    })
    let won = false
    try {
      await broker.log.append(
        { subject: subjects.leaderClaimed, id, bytes, expectLastSubjectSequence },
        this.#stop.signal,
      )
      won = true
    } catch (error) {
      if (this.#stop.signal.aborted) return
      logger.info({ reason: (error as Error).message }, 'claim refused')
    }
    this.#feed({ type: 'claimResult', won, atMs: clock.monotonicMs() })
  }

  #resigned: Promise<void> = Promise.resolve()

  async #renew(epoch: number, renewal: number): Promise<void> {
    const { broker, subjects, clock, leader, logger } = this.#options
    const sentAtMs = clock.monotonicMs()
    const body: LeaseBody = { leader, epoch, renewal }
    try {
      await broker.beats.put(subjects.leaderLease, encoder.encode(JSON.stringify(body)))
      this.#feed({ type: 'renewed', epoch, sentAtMs, atMs: clock.monotonicMs() })
    } catch (error) {
      logger.debug({ err: error, epoch, renewal }, 'renewal not acknowledged')
    }
  }
}

/** A lease from bytes that anybody may have written; null when it is none. */
export const readLease = (bytes: Uint8Array): Lease | null => {
  try {
    const { leader, epoch, renewal } = JSON.parse(decoder.decode(bytes)) as Partial<LeaseBody>
    if (typeof leader !== 'string' || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(renewal)) return null
    return { leader, epoch: epoch!, renewal: renewal! }
  } catch {
    return null
  }
}
