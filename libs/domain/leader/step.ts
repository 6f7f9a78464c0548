/**
 * The transitions of the leadership machine: one function per state. The protocol stands in state.ts.
 * Must never look at a clock: every instant comes from an input, on one monotonic clock per instance.
 */
import { timing } from '#schemas'
import type {
  Claim,
  Claiming,
  Deposed,
  Following,
  LeaderInput,
  LeaderOutput,
  LeaderState,
  LeaderStep,
  Leading,
  StepDownReason,
} from './state.ts'

/** Begins as a follower who has just looked: a silent lease is waited for in full, unless nobody ever claimed. */
export const newLeader = (start: {
  self: string
  jitterMs: number
  newest: Claim | null
  atMs: number
}): LeaderState => ({
  kind: 'following',
  self: start.self,
  jitterMs: Math.min(Math.max(start.jitterMs, 0), timing.leaderClaimJitterMs),
  newest: start.newest,
  lease: null,
  claimAtMs: start.atMs + timing.leaderClaimMs + start.jitterMs,
  tickAtMs: start.atMs,
})

/** True while this instance may publish decisions of its epoch. Ask right before each plan: a pause shows here first. */
export const mayDecide = (state: LeaderState, atMs: number): boolean =>
  state.kind === 'leading' && atMs - state.heldSinceMs <= timing.leaderStopMs

/** One input in, the next state and what is to be done out. Any input is fine in any state. */
export const stepLeader = (state: LeaderState, input: LeaderInput): LeaderStep => {
  switch (state.kind) {
    case 'following':
    case 'deposed':
      return wait(state, input)
    case 'claiming':
      return claim(state, input)
    case 'leading':
      return lead(state, input)
  }
}

const stay = (state: LeaderState, outputs: readonly LeaderOutput[] = []): LeaderStep => ({ state, outputs })

const fullWait = (state: LeaderState, atMs: number) => atMs + timing.leaderClaimMs + state.jitterMs

const wait = (state: Following | Deposed, input: LeaderInput): LeaderStep => {
  switch (input.type) {
    case 'leaseSeen': {
      const { lease, atMs } = input
      const last = state.lease
      const known = state.newest?.epoch ?? 0
      // A deposed holder that goes on renewing an old epoch must not keep anybody waiting.
      if (lease.epoch < known) return stay(state)
      if (last && last.leader === lease.leader && last.epoch === lease.epoch && last.renewal === lease.renewal)
        return stay(state)
      const resigned = lease.renewal === 0 && lease.epoch === known
      return stay(follow({ ...state, lease }, resigned ? atMs + state.jitterMs : fullWait(state, atMs)))
    }
    case 'claimSeenInLog':
      return claimSeen(state, input)
    case 'tick': {
      const sleptMs = input.atMs - state.tickAtMs
      // Silence only counts while awake: renewals may lie unread in the socket.
      const awake =
        sleptMs > timing.leaderRenewMs ? { ...state, claimAtMs: state.claimAtMs + sleptMs, tickAtMs: input.atMs } : null
      if (state.newest !== null && awake) return stay(awake)
      if (state.newest !== null && input.atMs < state.claimAtMs) return stay({ ...state, tickAtMs: input.atMs })
      const expected = state.newest?.epoch ?? 0
      return stay({ ...known(state), kind: 'claiming', expected, tickAtMs: input.atMs }, [
        { type: 'claim', expectedLastSubjectSequence: expected },
      ])
    }
    default:
      return stay(state)
  }
}

const claim = (state: Claiming, input: LeaderInput): LeaderStep => {
  switch (input.type) {
    case 'claimSeenInLog':
      return claimSeen(state, input)
    case 'claimResult':
      // Won: LOG will show it, and only then is the fold complete enough to decide.
      return input.won ? stay(state) : stay(follow(state, fullWait(state, input.atMs)))
    case 'leaseSeen':
      return stay({ ...state, lease: input.lease })
    case 'tick':
      return stay({ ...state, tickAtMs: input.atMs })
    default:
      return stay(state)
  }
}

const lead = (state: Leading, input: LeaderInput): LeaderStep => {
  const { atMs } = input
  if (input.type === 'claimSeenInLog') {
    if (input.claim.epoch <= state.epoch) return stay(state)
    return depose({ ...state, newest: input.claim }, 'superseded', atMs)
  }
  if (input.type === 'leaseSeen' && input.lease.epoch > state.epoch)
    return depose({ ...state, lease: input.lease }, 'superseded', atMs)
  // A late acknowledgement must not revive what had lapsed meanwhile: somebody may have claimed by then.
  if (!mayDecide(state, atMs)) {
    return depose(state, atMs - state.tickAtMs > timing.leaderStopMs ? 'paused' : 'no-renewal', atMs)
  }
  switch (input.type) {
    case 'renewed':
      if (input.epoch !== state.epoch) return stay(state)
      return stay({ ...state, heldSinceMs: Math.max(state.heldSinceMs, input.sentAtMs) })
    case 'tick': {
      if (atMs - state.renewAtMs < timing.leaderRenewMs) return stay({ ...state, tickAtMs: atMs })
      const renewal = state.renewal + 1
      return stay({ ...state, renewal, renewAtMs: atMs, tickAtMs: atMs }, [
        { type: 'renew', epoch: state.epoch, renewal },
      ])
    }
    case 'resign': {
      const down = depose(state, 'resigned', atMs)
      return stay(down.state, [...down.outputs, { type: 'renew', epoch: state.epoch, renewal: 0 }])
    }
    default:
      return stay(state)
  }
}

/** A claim in LOG while not leading: our own makes us leader, anybody else's is followed with the full wait. */
const claimSeen = (
  state: Following | Deposed | Claiming,
  input: { readonly claim: Claim; readonly atMs: number },
): LeaderStep => {
  const { claim: seen, atMs } = input
  if (state.newest && seen.epoch <= state.newest.epoch) return stay(state)
  const next = { ...state, newest: seen }
  if (seen.leader !== state.self) return stay(follow(next, fullWait(state, atMs)))
  const { epoch } = seen
  return stay(
    { ...known(next), kind: 'leading', epoch, renewal: 1, renewAtMs: atMs, heldSinceMs: atMs, tickAtMs: atMs },
    [
      { type: 'lead', epoch },
      { type: 'renew', epoch, renewal: 1 },
    ],
  )
}

const depose = (state: Leading, reason: StepDownReason, atMs: number): LeaderStep =>
  stay(
    { ...known(state), kind: 'deposed', epoch: state.epoch, reason, claimAtMs: fullWait(state, atMs), tickAtMs: atMs },
    [{ type: 'step-down', epoch: state.epoch, reason }],
  )

const follow = (state: LeaderState, claimAtMs: number): Following => ({ ...known(state), kind: 'following', claimAtMs })

/** What every state carries on, and nothing else. */
const known = ({ self, jitterMs, newest, lease, claimAtMs, tickAtMs }: LeaderState) => ({
  self,
  jitterMs,
  newest,
  lease,
  claimAtMs,
  tickAtMs,
})
