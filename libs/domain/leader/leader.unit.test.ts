import { describe, expect, it } from 'vitest'
import { timing } from '#schemas'
import { type LeaderInput, type LeaderOutput, type LeaderState, mayDecide, newLeader, stepLeader } from './index.ts'

const jitterMs = 100
const fullWaitMs = timing.leaderClaimMs + jitterMs

const start = (newest: { epoch: number; leader: string } | null) =>
  newLeader({ self: 'me', jitterMs, newest, atMs: 1_000 })

/** Feeds inputs in order; gives the last state and every output on the way. */
const given = (state: LeaderState, ...inputs: LeaderInput[]) => {
  const outputs: LeaderOutput[] = []
  for (const input of inputs) {
    const step = stepLeader(state, input)
    state = step.state
    outputs.push(...step.outputs)
  }
  return { state, outputs }
}

/** Ticks ten times a second from after `fromMs` up to and including `toMs`. */
const ticks = (fromMs: number, toMs: number): LeaderInput[] =>
  Array.from({ length: Math.floor((toMs - fromMs) / 100) }, (_, n) => ({ type: 'tick', atMs: fromMs + (n + 1) * 100 }))

const leading = () =>
  given(
    start(null),
    { type: 'tick', atMs: 1_000 },
    { type: 'claimSeenInLog', claim: { epoch: 7, leader: 'me' }, atMs: 1_010 },
  ).state

describe('following', () => {
  it('claims a fresh cell at once, expecting that nobody ever claimed', () => {
    const { state, outputs } = given(start(null), { type: 'tick', atMs: 1_000 })
    expect(state.kind).toBe('claiming')
    expect(outputs).toEqual([{ type: 'claim', expectedLastSubjectSequence: 0 }])
  })

  it('waits in full when the lease is silent at its start', () => {
    const before = given(start({ epoch: 5, leader: 'other' }), ...ticks(1_000, 1_000 + fullWaitMs - 100))
    expect(before.outputs).toEqual([])
    const after = given(before.state, { type: 'tick', atMs: 1_000 + fullWaitMs })
    expect(after.outputs).toEqual([{ type: 'claim', expectedLastSubjectSequence: 5 }])
  })

  it('waits anew after each change of the lease, not after a repeat of the same value', () => {
    const lease = { leader: 'other', epoch: 5, renewal: 3 }
    const { outputs, state } = given(
      start({ epoch: 5, leader: 'other' }),
      ...ticks(1_000, 2_000),
      { type: 'leaseSeen', lease, atMs: 2_000 },
      ...ticks(2_000, 3_000),
      { type: 'leaseSeen', lease, atMs: 3_000 },
      ...ticks(3_000, 2_000 + fullWaitMs - 100),
    )
    expect(outputs).toEqual([])
    expect(given(state, { type: 'tick', atMs: 2_000 + fullWaitMs }).outputs).toHaveLength(1)
  })

  it('does not let a deposed holder of an older epoch keep it waiting', () => {
    const { outputs } = given(
      start({ epoch: 9, leader: 'other' }),
      ...ticks(1_000, 2_900),
      { type: 'leaseSeen', lease: { leader: 'ghost', epoch: 5, renewal: 80 }, atMs: 2_950 },
      ...ticks(2_900, 1_000 + fullWaitMs),
    )
    expect(outputs).toEqual([{ type: 'claim', expectedLastSubjectSequence: 9 }])
  })

  it('claims after its jitter alone when the holder of the newest epoch has resigned', () => {
    const resigned: LeaderInput = {
      type: 'leaseSeen',
      lease: { leader: 'other', epoch: 5, renewal: 0 },
      atMs: 1_200,
    }
    const { outputs } = given(start({ epoch: 5, leader: 'other' }), { type: 'tick', atMs: 1_200 }, resigned, {
      type: 'tick',
      atMs: 1_200 + jitterMs,
    })
    expect(outputs).toHaveLength(1)
  })

  it('does not count the time that it slept through as silence', () => {
    const slept = given(start({ epoch: 5, leader: 'other' }), ...ticks(1_000, 1_500), { type: 'tick', atMs: 60_000 })
    expect(slept.outputs).toEqual([])
    const { outputs } = given(slept.state, ...ticks(60_000, 60_000 + fullWaitMs - 600))
    expect(outputs).toEqual([])
  })
})

describe('claiming', () => {
  const claiming = () => given(start(null), { type: 'tick', atMs: 1_000 }).state

  it('leads when its own claim comes back in the log, not on the acknowledgement', () => {
    const acked = given(claiming(), { type: 'claimResult', won: true, atMs: 1_005 })
    expect(acked).toEqual({ state: expect.objectContaining({ kind: 'claiming' }), outputs: [] })
    const { state, outputs } = given(acked.state, {
      type: 'claimSeenInLog',
      claim: { epoch: 7, leader: 'me' },
      atMs: 1_010,
    })
    expect(state.kind).toBe('leading')
    expect(outputs).toEqual([
      { type: 'lead', epoch: 7 },
      { type: 'renew', epoch: 7, renewal: 1 },
    ])
  })

  it('goes back to a full wait when it is refused', () => {
    const { state, outputs } = given(
      claiming(),
      { type: 'claimResult', won: false, atMs: 1_100 },
      { type: 'claimSeenInLog', claim: { epoch: 3, leader: 'other' }, atMs: 1_110 },
      ...ticks(1_100, 1_100 + fullWaitMs - 100),
    )
    expect(state.kind).toBe('following')
    expect(outputs).toEqual([])
  })

  it('leads after a refusal that was none: the answer got lost, the first copy was stored', () => {
    const { state } = given(
      claiming(),
      { type: 'claimResult', won: false, atMs: 1_100 },
      { type: 'claimSeenInLog', claim: { epoch: 7, leader: 'me' }, atMs: 1_110 },
    )
    expect(state).toMatchObject({ kind: 'leading', epoch: 7 })
  })

  it('never claims twice at a time', () => {
    expect(given(claiming(), ...ticks(1_000, 30_000)).outputs).toEqual([])
  })
})

describe('leading', () => {
  it('renews every 500 ms while its renewals are acknowledged', () => {
    let state = leading()
    const renewals: number[] = []
    for (const tick of ticks(1_010, 6_010)) {
      const step = stepLeader(state, tick)
      state = step.state
      for (const output of step.outputs) {
        if (output.type !== 'renew') throw new Error(`unexpected ${output.type}`)
        renewals.push(output.renewal)
        state = stepLeader(state, { type: 'renewed', epoch: 7, sentAtMs: tick.atMs, atMs: tick.atMs }).state
      }
    }
    expect(renewals).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(mayDecide(state, 6_010)).toBe(true)
  })

  it('stops deciding 1.5 s after it sent the last renewal that was acknowledged', () => {
    const { state, outputs } = given(
      leading(),
      ...ticks(1_010, 1_510),
      { type: 'renewed', epoch: 7, sentAtMs: 1_510, atMs: 2_400 },
      ...ticks(1_510, 3_010),
    )
    expect(outputs.filter(({ type }) => type === 'step-down')).toEqual([])
    expect(mayDecide(state, 3_010)).toBe(true)
    expect(mayDecide(state, 3_011)).toBe(false)
    expect(given(state, { type: 'tick', atMs: 3_110 }).outputs).toEqual([
      { type: 'step-down', epoch: 7, reason: 'no-renewal' },
    ])
  })

  it('is not revived by an acknowledgement that comes after it has lapsed', () => {
    const { state, outputs } = given(leading(), ...ticks(1_010, 2_410), {
      type: 'renewed',
      epoch: 7,
      sentAtMs: 2_400,
      atMs: 2_600,
    })
    expect(state).toMatchObject({ kind: 'deposed', reason: 'no-renewal' })
    expect(outputs.at(-1)).toEqual({ type: 'step-down', epoch: 7, reason: 'no-renewal' })
  })

  it('may not decide after a pause, even before anything has told it', () => {
    const state = leading()
    expect(mayDecide(state, 30_000)).toBe(false)
    expect(given(state, { type: 'tick', atMs: 30_000 }).outputs).toEqual([
      { type: 'step-down', epoch: 7, reason: 'paused' },
    ])
  })

  it.each<[string, LeaderInput]>([
    ['claim in the log', { type: 'claimSeenInLog', claim: { epoch: 8, leader: 'other' }, atMs: 1_100 }],
    ['lease', { type: 'leaseSeen', lease: { leader: 'other', epoch: 8, renewal: 1 }, atMs: 1_100 }],
  ])('is deposed at once by a newer %s', (_, input) => {
    const { state, outputs } = given(leading(), input)
    expect(state).toMatchObject({ kind: 'deposed', epoch: 7, reason: 'superseded' })
    expect(outputs).toEqual([{ type: 'step-down', epoch: 7, reason: 'superseded' }])
  })

  it('passes over older claims and its own lease', () => {
    const state = leading()
    const after = given(
      state,
      { type: 'claimSeenInLog', claim: { epoch: 3, leader: 'other' }, atMs: 1_100 },
      { type: 'leaseSeen', lease: { leader: 'me', epoch: 7, renewal: 1 }, atMs: 1_100 },
    )
    expect(after).toEqual({ state, outputs: [] })
  })

  it('says so when it goes on purpose', () => {
    expect(given(leading(), { type: 'resign', atMs: 1_200 }).outputs).toEqual([
      { type: 'step-down', epoch: 7, reason: 'resigned' },
      { type: 'renew', epoch: 7, renewal: 0 },
    ])
  })
})

describe('deposed', () => {
  it('claims again after the full wait when nobody else does', () => {
    const deposed = given(leading(), { type: 'tick', atMs: 3_000 }).state
    const before = given(deposed, ...ticks(3_000, 3_000 + fullWaitMs - 100))
    expect(before.outputs).toEqual([])
    expect(given(before.state, { type: 'tick', atMs: 3_000 + fullWaitMs }).outputs).toEqual([
      { type: 'claim', expectedLastSubjectSequence: 7 },
    ])
  })
})

it('keeps its time constants consistent: a holder stops before a standby may claim', () => {
  expect(timing.leaderRenewMs * 2).toBeLessThan(timing.leaderStopMs)
  expect(timing.leaderStopMs).toBeLessThan(timing.leaderClaimMs)
})
