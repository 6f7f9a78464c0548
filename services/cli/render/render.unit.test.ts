/** Tables, times and sizes as people see them. */
import { expect, test } from 'vitest'
import { lastLines } from '../commands/output.ts'
import { agoText, durationText, sizeText } from './quantity.ts'
import { cut, fields, safe, table } from './table.ts'

test('durations, times and sizes', () => {
  const cases: [number, string][] = [
    [0, '0ms'],
    [999, '999ms'],
    [1000, '1.0s'],
    [59_999, '59.9s'],
    [60_000, '1m'],
    [200_000, '3m 20s'],
    [3_600_000, '1h'],
    [90_000_000, '1d 1h'],
  ]
  for (const [ms, text] of cases) expect(durationText(ms)).toBe(text)
  expect(durationText(null)).toBe('—')
  const now = Date.parse('2026-11-20T12:00:00Z')
  expect(agoText('2026-11-20T11:59:48Z', now)).toBe('12s ago')
  expect(agoText('2026-11-20T12:00:05Z', now)).toBe('just now')
  expect([0, 1023, 1024, 1536, 123 * 1024 ** 2, 2 ** 62].map(sizeText)).toEqual([
    ...['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '123 MiB', '4096 PiB'],
  ])
})

test('columns are aligned by what a terminal shows', () => {
  const lines = table(
    [{ title: 'A' }, { title: 'N', right: true }],
    [
      ['日本', '1'],
      ['\u001b[31mred\u001b[39m', '22'],
    ],
  )
  expect(lines).toEqual(['A      N', '日本   1', '\u001b[31mred\u001b[39m   22'])
  expect(
    fields([
      ['one', 'a\nb'],
      ['three', 'c'],
    ]),
  ).toEqual(['one    a', '       b', 'three  c'])
})

test('text of others can not steer the terminal', () => {
  expect(safe('a\u001b[2Jb\nc\td\u009b')).toBe('a�[2Jb⏎c d�')
  expect(cut('abcdef', 4)).toBe('abc…')
  expect(cut('日本語', 4)).toBe('日…')
})

test('the last lines of a stream, over the borders of its pieces', () => {
  const pieces = (...texts: string[]) => {
    let offset = 0
    return texts.map((text) => {
      const piece = { attempt: 1, stream: 'stdout' as const, offset, bytes: Buffer.from(text) }
      offset += text.length
      return piece
    })
  }
  const tail = (lines: number, ...texts: string[]) =>
    Buffer.concat(lastLines(pieces(...texts), lines).map(({ bytes }) => bytes)).toString()
  expect(tail(1, 'a\nb\nc\n')).toBe('c\n')
  expect(tail(2, 'a\nb\nc')).toBe('b\nc')
  expect(tail(2, 'a\nb', 'b\nc', 'c\n')).toBe('bb\ncc\n')
  expect(tail(9, 'a\nb\n')).toBe('a\nb\n')
  expect(tail(1, 'a\n', '\n')).toBe('\n')
  expect(tail(3, '\n\n\n\n')).toBe('\n\n\n')
  expect(tail(1, '')).toBe('')
})
