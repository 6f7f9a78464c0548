/** Given a checkpoint and a log, whether the archive may follow it. */
import { describe, expect, it } from 'vitest'
import type { LogMessage } from '#eventlog'
import { leafHash } from '#store'
import { checkContinuity } from './continuity.ts'

const message = (sequence: number, text = `message ${sequence}`): LogMessage => ({
  subject: 'mr.job.a.submitted',
  sequence,
  timeMs: 1_000 + sequence,
  id: `m${sequence}`,
  bytes: Buffer.from(text),
})

const logOf = (messages: LogMessage[], first: number, createdMs = 7) => ({
  info: async () => ({
    first,
    last: messages.at(-1)?.sequence ?? first - 1,
    messages: messages.length,
    bytes: 0,
    createdMs,
  }),
  get: async (sequence: number) => messages.find((each) => each.sequence === sequence) ?? null,
})

/** What the archive holds: messages 1 … n of the usual log. */
const storeAt = (sequence: number) => ({
  checkpoint: { sequence, logCreatedMs: 7 },
  log: { leaf: (of: number) => (of <= sequence ? leafHash(message(of)) : null) },
})

const check = (log: ReturnType<typeof logOf>, store: ReturnType<typeof storeAt>) =>
  checkContinuity(log as never, store as never)
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => message(first + index))

describe('the log goes on', () => {
  it.each([
    ['both are empty', logOf([], 1), 0],
    ['the archive is new', logOf(range(1, 9), 1), 0],
    ['the archive has all', logOf(range(1, 9), 1), 9],
    ['the archive lags', logOf(range(1, 9), 1), 4],
    ['older messages are removed', logOf(range(4, 9), 4), 6],
    ['all that the archive has is removed', logOf(range(5, 9), 5), 4],
    ['everything is removed', logOf([], 10), 9],
  ])('when %s', async (_, log, sequence) => {
    expect((await check(log, storeAt(sequence))).createdMs).toBe(7)
  })
})

describe('the archive stops', () => {
  const other = [...range(1, 5), message(6, 'something else'), ...range(7, 9)]
  it.each([
    ['the log is shorter', logOf(range(1, 5), 1), 6, 'log-rewound', /ends at 5/],
    ['the log is empty', logOf([], 1), 6, 'log-rewound', /ends at 0/],
    ['another message stands at the checkpoint', logOf(other, 1), 6, 'log-rewound', /another message there/],
    ['it is another log of which the beginning is removed', logOf(range(7, 9), 7, 8), 6, 'log-rewound', /another log/],
    ['the log begins too late', logOf(range(8, 9), 8), 6, 'log-gap', /message 7 next, but the log begins at 8/],
    ['a new archive meets an old log', logOf(range(8, 9), 8), 0, 'log-gap', /message 1 next/],
    ['there is a hole', logOf([...range(1, 6), ...range(8, 9)], 1), 6, 'log-gap', /message 7 next.*hole/],
  ])('when %s', async (_, log, sequence, code, text) => {
    await expect(check(log, storeAt(sequence))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(text),
      hint: expect.stringMatching(/\w/),
    })
  })
})
