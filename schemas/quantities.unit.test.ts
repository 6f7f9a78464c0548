import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from './limits.ts'
import { durationMs, durationPattern, sizeBytes, sizePattern } from './quantities.ts'

describe('durations', () => {
  test.each([
    ['0', 0],
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['366d', limits.durationMsMax],
    [0, 0],
    [250, 250],
  ])('%j is %d ms', (value, ms) => {
    expect(durationMs(value)).toBe(ms)
  })

  test.each([
    '',
    '5',
    '-1s',
    '1 s',
    '1S',
    's',
    '1e3s',
    '1.s',
    '.5s',
    '1s\n',
    '1w',
    '367d',
    `${'9'.repeat(400)}d`,
    'constructor',
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    limits.durationMsMax + 1,
  ])('%j is none', (value) => {
    expect(durationMs(value)).toBeNull()
  })
})

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['64KiB', 65_536],
    ['64K', 65_536],
    ['1GiB', 2 ** 30],
    ['1.5MiB', 1_572_864],
    ['1GB', 1e9],
    ['7B', 7],
    ['7', 7],
    [2 ** 40, 2 ** 40],
  ])('%j is %d bytes', (value, bytes) => {
    expect(sizeBytes(value)).toBe(bytes)
  })

  test.each([
    '',
    '-1',
    '1 GiB',
    '1gib',
    'GiB',
    '1e3',
    `${'9'.repeat(30)}TiB`,
    '1constructor',
    '1__proto__',
    -1,
    1.5,
    2 ** 60,
  ])('%j is none', (value) => {
    expect(sizeBytes(value)).toBeNull()
  })
})

test('what a reader takes fits the pattern that the schema shows, and the other way round', () => {
  const text = fc.oneof(
    fc.stringMatching(/^[0-9.]{0,4}[a-zA-Z]{0,4}$/),
    fc.stringMatching(new RegExp(durationPattern)),
    fc.stringMatching(new RegExp(sizePattern)),
  )
  fc.assert(
    fc.property(text, (value) => {
      if (durationMs(value) !== null) expect(value).toMatch(new RegExp(durationPattern))
      if (sizeBytes(value) !== null) expect(value).toMatch(new RegExp(sizePattern))
      // The other way round only amounts that are too large are refused.
      if (new RegExp(durationPattern).test(value) && durationMs(value) === null)
        expect(Number.parseFloat(value)).toBeGreaterThan(366)
      if (new RegExp(sizePattern).test(value) && sizeBytes(value) === null)
        expect(Number.parseFloat(value)).toBeGreaterThan(8000)
    }),
    { numRuns: 2_000 },
  )
})
