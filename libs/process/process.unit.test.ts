/** The readers: /proc lines, frames, environments. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { baseEnvironment, jobEnvironment } from './environment.ts'
import { encodeFrame, FrameReader, inFrames } from './frames.ts'
import { isSameProcess, parseProcessStat, readBootId, readProcessStat } from './proc.ts'

const fields = '8 7 6 0 -1 4194304 1 2 3 4 11 22 0 0 20 0 1 0 987654 5000 100'

test.each(['node', 'a) S 1 2', '(((', 'two words', ')', 'tab\tand\nline'])('the name %j hides no field', (comm) => {
  expect(parseProcessStat(`42 (${comm}) S ${fields}\n`)).toEqual({
    pid: 42,
    comm,
    state: 'S',
    parentPid: 8,
    group: 7,
    session: 6,
    userTicks: 11,
    systemTicks: 22,
    startTicks: 987654,
  })
})

test.each(['', 'nonsense', '42 (x', '42 (x) S 1'])('%j is no stat line', (line) => {
  expect(parseProcessStat(line)).toBeNull()
})

test('knows itself, and nobody under its pid with another start time', () => {
  const stat = readProcessStat(process.pid)!
  expect(stat.parentPid).toBe(process.ppid)
  expect(isSameProcess(process.pid, stat.startTicks)).toBe(true)
  expect(isSameProcess(process.pid, stat.startTicks + 1)).toBe(false)
  expect(readProcessStat(2 ** 22 + 1)).toBeNull()
  expect(readBootId()).toMatch(/^[0-9a-f-]{36}$/)
})

test('frames come out whole, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.array(fc.integer({ min: 1, max: 50 })), (values, cuts) => {
      const bytes = Buffer.from(values.map(encodeFrame).join(''))
      const reader = new FrameReader()
      const got: unknown[] = []
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const length = cuts[n % Math.max(1, cuts.length)] ?? 7
        got.push(...reader.push(bytes.subarray(at, at + length)))
        at += length
      }
      expect(got).toEqual(JSON.parse(JSON.stringify(values)))
    }),
  )
})

test('bad JSON and endless frames are errors', () => {
  expect(() => new FrameReader().push(Buffer.from('{"a":\n'))).toThrow(SyntaxError)
  const reader = new FrameReader()
  const much = Buffer.alloc(40 * 1024 * 1024, 'x')
  reader.push(much)
  expect(() => reader.push(much)).toThrow(RangeError)
})

test('lists are cut near 1 MiB', () => {
  const groups = inFrames([1, 2, 3, 4, 5], () => 600 * 1024)
  expect(groups).toEqual([[1, 2], [3, 4], [5]])
})

test('a job sees a clean environment, its own variables, and who it is', () => {
  const base = baseEnvironment({ PATH: '/bin', HOME: '/root', LC_ALL: 'C', NATS_PASSWORD: 'x', MILLRACE_TOKEN: 'y' })
  expect(base).toEqual({ PATH: '/bin', HOME: '/root', LC_ALL: 'C' })
  expect(baseEnvironment({})['PATH']).toContain('/usr/bin')
  const identity = { job: 'a', attempt: 2, host: 'h1', fence: 4096, scratch: '/s', trace: null }
  expect(jobEnvironment(base, { PATH: '/opt', MILLRACE_FENCE: '1', X: '1' }, identity)).toEqual({
    PATH: '/opt',
    HOME: '/root',
    LC_ALL: 'C',
    X: '1',
    MILLRACE_JOB_ID: 'a',
    MILLRACE_ATTEMPT: '2',
    MILLRACE_HOST_ID: 'h1',
    MILLRACE_SCRATCH: '/s',
    MILLRACE_FENCE: '4096',
  })
  expect(jobEnvironment(base, {}, { ...identity, trace: '00-a-b-01' })['TRACEPARENT']).toBe('00-a-b-01')
})
