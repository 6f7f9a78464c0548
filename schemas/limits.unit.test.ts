import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits, positionFactor, positionOf, sequenceOf, timing } from './limits.ts'
import { reasons, reasonText } from './reasons.ts'

describe('positions', () => {
  const sequence = fc.integer({ min: 0, max: 2 ** 40 })
  const index = fc.integer({ min: 0, max: positionFactor - 1 })

  test('a position comes apart as it was put together', () => {
    fc.assert(
      fc.property(sequence, index, (s, i) => {
        expect(sequenceOf(positionOf(s, i))).toBe(s)
        expect(positionOf(s, i) % positionFactor).toBe(i)
      }),
    )
  })

  test('positions order events as the log does', () => {
    fc.assert(
      fc.property(sequence, index, sequence, index, (s1, i1, s2, i2) => {
        const inLog = s1 - s2 || i1 - i2
        expect(Math.sign(positionOf(s1, i1) - positionOf(s2, i2))).toBe(Math.sign(inLog))
      }),
    )
  })

  test('a commit of the most events fits, and positions stay exact for 2^40 messages', () => {
    expect(limits.commitEventsMax).toBeLessThanOrEqual(positionFactor)
    expect(Number.isSafeInteger(positionOf(2 ** 40, positionFactor - 1))).toBe(true)
  })
})

describe('time constants fit together', () => {
  test('a leader that cannot renew stops before a standby claims, whatever the clocks’ rates', () => {
    expect(timing.leaderRenewMs * 3).toBeLessThanOrEqual(timing.leaderStopMs)
    expect(timing.leaderClaimMs / timing.leaderStopMs).toBeGreaterThanOrEqual(1.33)
  })

  test('a host is suspect only after several missed heartbeats, and lost long after', () => {
    expect(timing.suspectAfterMs).toBeGreaterThanOrEqual(3 * timing.heartbeatMs)
    expect(timing.lostAfterMsDefault).toBeGreaterThan(10 * timing.suspectAfterMs)
  })

  test('a dead connection is noticed before a silent host is long suspect, and a resend stays in the dedupe window', () => {
    expect(timing.pingIntervalMs * timing.pingsOutMax).toBeLessThanOrEqual(2 * timing.suspectAfterMs)
    expect(timing.publishResendMs * 10).toBeLessThanOrEqual(limits.dedupeWindowMs)
  })

  test('a lost job has had the time to be killed', () => {
    expect(timing.lostAfterMsDefault).toBeGreaterThanOrEqual(
      1.02 * (20_000 + limits.graceMsDefault + timing.killVerifyMs),
    )
  })
})

test('sizes fit together: a spec twice in a commit, tails and arguments in it', () => {
  expect(limits.specBytesMax * 2).toBeLessThanOrEqual(limits.commitBytesMax)
  expect(limits.stdinBytesMax).toBeLessThan(limits.specBytesMax)
  expect(limits.tailBytesMax * 4).toBeLessThan(limits.commitBytesMax)
  // A `rejected` of the most and longest faults, each character written as \uXXXX.
  expect(limits.faultsPerRejectionMax * limits.faultTextMax * 2 * 6).toBeLessThan(limits.commitBytesMax)
})

test('a reason always has a sentence', () => {
  for (const [code, sentence] of Object.entries(reasons)) expect(reasonText({ code })).toBe(sentence)
  expect(reasonText({ code: 'cancelled', text: 'no longer needed' })).toBe('no longer needed')
  for (const code of ['never-heard-of', 'constructor', '__proto__', 'toString']) expect(reasonText({ code })).toBe(code)
})
