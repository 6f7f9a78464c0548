/** Where time, ids and randomness enter. Everything that decides gets them as values; only services hold these. */
import { randomBytes } from 'node:crypto'

export interface Clock {
  /** Wall clock, ms since 1970: for display and cron only, never for a lease or a deadline. */
  wallMs(): number
  /** Monotonic clock, ms, from an arbitrary start. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * A new id: 26 characters, ULID (lower case): 48 bits of wall-clock ms, 80 random bits. Ids made later sort later,
 * also within a millisecond of one process.
 */
export const newId = (clock: Clock = systemClock): string => {
  const now = clock.wallMs()
  if (now > last.timeMs) {
    last.timeMs = now
    last.random = BigInt(`0x${randomBytes(10).toString('hex')}`) & ((1n << 79n) - 1n)
  } else {
    last.random += 1n
  }
  return base32(BigInt(last.timeMs), 10) + base32(last.random, 16)
}

const last = { timeMs: 0, random: 0n }

const base32 = (value: bigint, digits: number): string => {
  let text = ''
  let rest = value
  for (let digit = 0; digit < digits; digit++) {
    text = alphabet[Number(rest & 31n)]! + text
    rest >>= 5n
  }
  return text
}
