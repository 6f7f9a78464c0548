/**
 * A tiny world for the property tests: several leader machines over one log of claims and one lease register, with
 * virtual time. Each way of a message (claim, its answer, renewal, its answer, what is seen) has its own delay and
 * may be lost where the real one may be; instances pause and get what piled up meanwhile afterwards, timer first.
 */
import { timing } from '#schemas'
import {
  type LeaderInput,
  type LeaderOutput,
  type LeaderState,
  type Lease,
  mayDecide,
  newLeader,
  stepLeader,
} from './index.ts'

/** One number in [0, 1) a call: the source of all faults. */
export type Dice = () => number

export type Faults = {
  /** Chance that a renewal, or its answer, never arrives. */
  renewalLoss: number
  /** Chance that a watcher misses a change of the lease. */
  watchLoss: number
  /** Chance that the answer to a claim says "refused" although it was stored. */
  answerLoss: number
  /** Longest way of a message to the broker, and of what is stored to its readers and watchers. */
  delayMsMax: number
  /** Longest way of an answer (to a claim or a renewal). */
  answerDelayMsMax: number
  /** Chance, for each instance and 100 ms, to be paused for up to 5 s. */
  pause: number
  /** Chance, for each instance and 100 ms, that what it sends on the lease is lost for up to 5 s. */
  cut: number
}

type Instance = {
  name: string
  state: LeaderState
  pausedUntilMs: number
  inbox: LeaderInput[]
  seenEpoch: number
  cutUntilMs: number
  /** When its last claim was sent. */
  claimedAtMs: number
  /** Its own claim came back so late that somebody else may have waited it out. */
  late: boolean
}
type Due = { atMs: number; order: number; run: () => void }

export class SimulatedCell {
  readonly claims: { epoch: number; leader: string }[] = []
  readonly instances: Instance[]
  nowMs = 0
  faults: Faults
  readonly #dice: Dice
  readonly #due: Due[] = []
  #lease: Lease | null = null
  #order = 0
  #sequence = 0
  /** What an instance did wrong, as a sentence; empty in a sound run. */
  readonly faultsFound: string[] = []
  /** Moments in which two instances held themselves entitled to decide, none by a claim that came back late. */
  overlaps = 0

  constructor(names: string[], faults: Faults, dice: Dice) {
    this.faults = faults
    this.#dice = dice
    this.instances = names.map((name) => ({
      name,
      state: this.#fresh(name),
      pausedUntilMs: 0,
      inbox: [],
      seenEpoch: 0,
      cutUntilMs: 0,
      claimedAtMs: 0,
      late: false,
    }))
  }

  #fresh = (name: string) =>
    newLeader({ self: name, jitterMs: Math.floor(this.#dice() * 300), newest: null, atMs: this.nowMs })

  #delay = () => Math.floor(this.#dice() * this.faults.delayMsMax)
  #answerDelay = () => Math.floor(this.#dice() * this.faults.answerDelayMsMax)

  #later(delayMs: number, run: () => void): void {
    this.#due.push({ atMs: this.nowMs + delayMs, order: this.#order++, run })
  }

  /** Advances virtual time in steps of 10 ms, one tick per instance each 100 ms; checks after each step. */
  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; ) {
      this.nowMs += 10
      const due = this.#due
        .filter(({ atMs }) => atMs <= this.nowMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)
      for (const one of due) this.#due.splice(this.#due.indexOf(one), 1)
      for (const one of due) one.run()
      if (this.nowMs % 100 === 0) for (const instance of this.instances) this.#tick(instance)
      this.#check()
    }
  }

  #tick(instance: Instance): void {
    if (this.nowMs < instance.pausedUntilMs) return
    if (this.#dice() < this.faults.pause) {
      instance.pausedUntilMs = this.nowMs + Math.floor(this.#dice() * 5_000)
      return
    }
    if (this.#dice() < this.faults.cut) instance.cutUntilMs = this.nowMs + Math.floor(this.#dice() * 5_000)
    this.#feed(instance, { type: 'tick', atMs: this.nowMs })
    for (const input of instance.inbox.splice(0)) this.#feed(instance, { ...input, atMs: this.nowMs })
  }

  #deliver(instance: Instance, input: LeaderInput): void {
    if (this.nowMs < instance.pausedUntilMs || instance.inbox.length > 0) instance.inbox.push(input)
    else this.#feed(instance, input)
  }

  #feed(instance: Instance, input: LeaderInput): void {
    if (input.type === 'claimSeenInLog') instance.seenEpoch = input.claim.epoch
    const step = stepLeader(instance.state, input)
    instance.state = step.state
    for (const output of step.outputs) this.#perform(instance, output)
  }

  #perform(instance: Instance, output: LeaderOutput): void {
    if (output.type === 'claim') instance.claimedAtMs = this.nowMs
    if (output.type === 'lead')
      instance.late = this.nowMs - instance.claimedAtMs > timing.leaderClaimMs - timing.leaderStopMs
    if (output.type === 'claim')
      this.#later(this.#delay(), () => this.#store(instance, output.expectedLastSubjectSequence))
    if (output.type === 'renew') this.#renew(instance, { leader: instance.name, ...output })
  }

  #store(instance: Instance, expected: number): void {
    const won = (this.claims.at(-1)?.epoch ?? 0) === expected
    if (won) {
      // Other messages stand between claims, so epochs are not consecutive.
      this.#sequence += 1 + Math.floor(this.#dice() * 3)
      const claim = { epoch: this.#sequence, leader: instance.name }
      this.claims.push(claim)
      for (const reader of this.instances) this.#inOrder(reader, { type: 'claimSeenInLog', claim, atMs: 0 })
    }
    const said = won && this.#dice() >= this.faults.answerLoss
    this.#later(this.#answerDelay(), () =>
      this.#deliver(instance, { type: 'claimResult', won: said, atMs: this.nowMs }),
    )
  }

  readonly #logDueMs = new Map<Instance, number>()
  /** LOG is never lossy and never reordered for one reader, only late. */
  #inOrder(reader: Instance, input: LeaderInput): void {
    const atMs = Math.max(this.nowMs + this.#delay(), this.#logDueMs.get(reader) ?? 0)
    this.#logDueMs.set(reader, atMs)
    this.#later(atMs - this.nowMs, () => this.#deliver(reader, { ...input, atMs: this.nowMs }))
  }

  #renew(instance: Instance, lease: Lease): void {
    const sentAtMs = this.nowMs
    if (this.nowMs < instance.cutUntilMs || this.#dice() < this.faults.renewalLoss) return
    this.#later(this.#delay(), () => {
      this.#lease = { leader: lease.leader, epoch: lease.epoch, renewal: lease.renewal }
      const seen = this.#lease
      for (const watcher of this.instances) {
        if (this.#dice() < this.faults.watchLoss) continue
        this.#later(this.#delay(), () => this.#deliver(watcher, { type: 'leaseSeen', lease: seen, atMs: this.nowMs }))
      }
      if (this.#dice() < this.faults.renewalLoss) return
      this.#later(this.#answerDelay(), () =>
        this.#deliver(instance, { type: 'renewed', epoch: lease.epoch, sentAtMs, atMs: this.nowMs }),
      )
    })
  }

  /** The process dies and another life of it begins, under a new name, knowing the log as it stands. */
  restart(index: number, name: string): void {
    const newest = this.claims.at(-1) ?? null
    const state = newLeader({ self: name, jitterMs: Math.floor(this.#dice() * 300), newest, atMs: this.nowMs })
    this.instances[index] = {
      name,
      state,
      pausedUntilMs: 0,
      inbox: [],
      seenEpoch: 0,
      cutUntilMs: 0,
      claimedAtMs: 0,
      late: false,
    }
  }

  /** Instances that hold themselves leaders of the newest epoch in the log. */
  leaders(): Instance[] {
    const newest = this.claims.at(-1)?.epoch
    return this.instances.filter(({ state }) => state.kind === 'leading' && state.epoch === newest)
  }

  #check(): void {
    const found = (what: string) => this.faultsFound.push(`at ${this.nowMs}: ${what}`)
    if (this.leaders().length > 1) found('two lead the newest epoch')
    for (const { name, state, seenEpoch } of this.instances) {
      if (state.kind !== 'leading') continue
      if (!this.claims.some(({ epoch, leader }) => epoch === state.epoch && leader === name))
        found(`${name} leads epoch ${state.epoch}, which is not its own`)
      if (seenEpoch > state.epoch) found(`${name} leads though it has seen a newer claim`)
    }
    const deciding = this.instances.filter((one) => one.pausedUntilMs <= this.nowMs && mayDecide(one.state, this.nowMs))
    if (deciding.length > 1 && !deciding.some(({ late }) => late)) this.overlaps++
  }
}
