import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Faults, SimulatedCell } from './simulated-cell.testing.ts'

const calm: Faults = {
  renewalLoss: 0,
  watchLoss: 0,
  answerLoss: 0,
  delayMsMax: 20,
  answerDelayMsMax: 20,
  pause: 0,
  cut: 0,
}

/** mulberry32: small, seeded, good enough for faults. */
const diceOf = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Often none at all: a world in which everything is lost shows little. (fc.double would give next to nothing but 1e-200.) */
const upTo = (max: number) =>
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 1_000 }).map((n) => (n * max) / 1_000),
  )
const chance = upTo(0.5)
const cell = (faults: fc.Arbitrary<Faults>) =>
  fc
    .record({ seed: fc.integer(), size: fc.integer({ min: 2, max: 3 }), faults })
    .map(({ seed, size, faults }) => new SimulatedCell(['a', 'b', 'c'].slice(0, size), faults, diceOf(seed)))

const stormy = cell(
  fc.record({
    renewalLoss: chance,
    watchLoss: chance,
    answerLoss: chance,
    delayMsMax: fc.integer({ min: 1, max: 4_000 }),
    answerDelayMsMax: fc.integer({ min: 1, max: 4_000 }),
    pause: upTo(0.05),
    cut: upTo(0.05),
  }),
)

describe('any losses, delays, pauses and restarts', () => {
  it('never two lead the newest epoch, nobody leads an epoch that is not its own or is known to be old', () => {
    fc.assert(
      fc.property(stormy, fc.array(fc.nat({ max: 2 }), { maxLength: 3 }), (world, restarts) => {
        world.run(8_000)
        for (const [life, index] of restarts.entries()) {
          if (index < world.instances.length) world.restart(index, `${world.instances[index]!.name}${life}`)
          world.run(4_000)
        }
        expect(world.faultsFound).toEqual([])
      }),
      { numRuns: 120 },
    )
  })

  it('once it is calm there is exactly one leader, of the newest epoch, and it stays', () => {
    fc.assert(
      fc.property(stormy, (world) => {
        world.run(8_000)
        world.faults = calm
        world.run(15_000)
        expect(world.leaders()).toHaveLength(1)
        const claims = world.claims.length
        world.run(10_000)
        expect(world.claims).toHaveLength(claims)
        expect(world.faultsFound).toEqual([])
      }),
      { numRuns: 80 },
    )
  })
})

/**
 * The log's fence makes two deciders harmless; the lease keeps them from happening at all as long as what a standby
 * hears, and a claimer of its own claim, is late by less than the 500 ms between "stops deciding" and "claims", whatever
 * happens to the renewals and to the answers.
 */
it('with a watch that is late but not lossy, no two ever hold themselves entitled to decide', () => {
  const slow = cell(
    fc.record({
      renewalLoss: upTo(0.1),
      watchLoss: fc.constant(0),
      answerLoss: chance,
      delayMsMax: fc.integer({ min: 50, max: 200 }),
      answerDelayMsMax: fc.oneof(fc.constant(50), fc.integer({ min: 1, max: 1_500 })),
      pause: upTo(0.03),
      cut: upTo(0.03),
    }),
  )
  fc.assert(
    fc.property(slow, (world) => {
      world.run(20_000)
      expect(world.overlaps).toBe(0)
      expect(world.faultsFound).toEqual([])
    }),
    { numRuns: 200 },
  )
})

it('a leader that dies is followed within 2 s, its standby’s jitter and the delays', () => {
  fc.assert(
    fc.property(cell(fc.constant(calm)), (world) => {
      world.run(1_000)
      const [first] = world.leaders()
      expect(first).toBeDefined()
      world.restart(world.instances.indexOf(first!), 'late')
      world.run(2_000 + 300 + 200)
      expect(world.claims).toHaveLength(2)
      expect(world.leaders()).toHaveLength(1)
    }),
    { numRuns: 50 },
  )
})
