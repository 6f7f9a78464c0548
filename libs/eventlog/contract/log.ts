/** The contract of LOG: appending, dedupe, optimistic concurrency, reading, following. */
import { describe, expect, test } from 'vitest'
import { limits } from '#schemas'
import type { CellMaker } from '../contract.ts'
import type { Ack } from '../port.ts'
import { cellForTest, decode, encode, Gathered, gatherLog, range, sameBytes, sequencesOf } from './support.ts'

export const logContract = (makeCell: CellMaker): void => {
  describe('append', () => {
    test('gives contiguous sequences, and what was stored can be read back', async () => {
      const { broker, message, subjects } = await cellForTest(makeCell)
      expect(await broker.log.info()).toMatchObject({ first: 1, last: 0, messages: 0 })
      expect(await broker.log.append(message(1))).toEqual({ sequence: 1, duplicate: false })
      expect(await broker.log.append(message(2))).toEqual({ sequence: 2, duplicate: false })
      const stored = await broker.log.get(2)
      expect(stored).toMatchObject({ subject: message(2).subject, sequence: 2, id: 'job2/submitted' })
      expect(decode(stored!.bytes)).toBe('text 2')
      expect(Math.abs(Date.now() - stored!.timeMs)).toBeLessThan(60_000)
      expect(await broker.log.last(message(1).subject)).toMatchObject({ sequence: 1 })
      expect(await broker.log.get(3)).toBeNull()
      expect(await broker.log.get(0)).toBeNull()
      expect(await broker.log.last(subjects.decisions)).toBeNull()
      const info = await broker.log.info()
      expect(info).toMatchObject({ first: 1, last: 2, messages: 2 })
      expect(info.bytes).toBeGreaterThan(0)
      expect(Math.abs(Date.now() - info.createdMs)).toBeLessThan(600_000)
    })

    test('one after the other they stand in that order', async () => {
      const { broker, message } = await cellForTest(makeCell)
      for (const n of range(1, 20)) expect(await broker.log.append(message(n))).toMatchObject({ sequence: n })
    })

    test('many at once, by several brokers, each get a sequence of their own', async () => {
      const { cell, broker, message } = await cellForTest(makeCell)
      const other = await cell.connect('other')
      const acks = await Promise.all(range(1, 1000).map((n) => (n % 2 ? broker : other).log.append(message(n))))
      expect(sequencesOf(acks as never).sort((a, b) => a - b)).toEqual(range(1, 1000))
    })

    test('the same id is stored once, also when both are under way', async () => {
      const { cell, broker, message } = await cellForTest(makeCell)
      const other = await cell.connect('other')
      const acks = await Promise.all([broker, other, broker, other].map(({ log }) => log.append(message(1))))
      expect(acks.map(({ sequence }) => sequence)).toEqual([1, 1, 1, 1])
      expect(acks.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
      expect(await broker.log.append(message(1))).toEqual({ sequence: 1, duplicate: true })
      expect(await broker.log.info()).toMatchObject({ messages: 1 })
    })

    test('of many that expect the same last sequence exactly one wins', async () => {
      const { cell, broker, subjects } = await cellForTest(makeCell)
      const other = await cell.connect('other')
      const claim = (n: number, expected: number) =>
        (n % 2 ? broker : other).log.append({
          subject: subjects.leaderClaimed,
          id: `claim-${n}-${expected}`,
          bytes: encode(`claim ${n}`),
          expectLastSubjectSequence: expected,
        })
      let last = 0
      for (const round of range(1, 3)) {
        const outcomes = await Promise.allSettled(range(1, 8).map((n) => claim(round * 10 + n, last)))
        const winners = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []))
        expect(winners).toHaveLength(1)
        for (const o of outcomes) if (o.status === 'rejected') expect(o.reason.code).toBe('wrong-last-sequence')
        last = winners[0]!.sequence
        expect(await broker.log.last(subjects.leaderClaimed)).toMatchObject({ sequence: last })
      }
    })

    test('a message sent again with its expected sequence is found, however many came after it', async () => {
      const { broker, subjects } = await cellForTest(makeCell)
      const claim = (id: string, expectLastSubjectSequence: number) =>
        broker.log.append({ subject: subjects.leaderClaimed, id, bytes: encode(id), expectLastSubjectSequence })
      expect(await claim('a', 0)).toEqual({ sequence: 1, duplicate: false })
      expect(await claim('b', 1)).toEqual({ sequence: 2, duplicate: false })
      expect(await claim('c', 2)).toEqual({ sequence: 3, duplicate: false })
      expect(await claim('a', 0)).toEqual({ sequence: 1, duplicate: true })
      expect(await claim('b', 1)).toEqual({ sequence: 2, duplicate: true })
      await expect(claim('d', 0)).rejects.toMatchObject({ code: 'wrong-last-sequence' })
      await expect(claim('d', 17)).rejects.toMatchObject({ code: 'wrong-last-sequence' })
    })

    test('a message over the limit is refused, one at the limit is stored, whole', async () => {
      const { broker, message } = await cellForTest(makeCell)
      const sized = (n: number, size: number) => ({ ...message(n), bytes: new Uint8Array(size).fill(7) })
      await expect(broker.log.append(sized(1, limits.commitBytesMax + 1))).rejects.toMatchObject({ code: 'too-large' })
      expect(await broker.log.append(sized(2, limits.commitBytesMax))).toMatchObject({ sequence: 1 })
      expect(sameBytes((await broker.log.get(1))?.bytes, sized(2, limits.commitBytesMax).bytes)).toBe(true)
    })

    test('an aborted append rejects with the reason and harms nothing else', async () => {
      const { broker, message } = await cellForTest(makeCell)
      const reason = new Error('no longer wanted')
      await expect(broker.log.append(message(1), AbortSignal.abort(reason))).rejects.toBe(reason)
      expect(await broker.log.append(message(2))).toMatchObject({ sequence: 1 })
    })

    test('the bytes are those given, also when the buffer is used again afterwards', async () => {
      const { broker, message } = await cellForTest(makeCell)
      const bytes = encode('before')
      await broker.log.append({ ...message(1), bytes })
      bytes.fill(0)
      expect(decode((await broker.log.get(1))!.bytes)).toBe('before')
    })
  })

  describe('follow', () => {
    test('delivers what is there and what comes, in order, without a gap, in batches', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      await appendMany(1, 500)
      const batches: number[] = []
      const gathered = new Gathered<{ sequence: number; text: string }>()
      const follow = broker.log.follow({
        from: 1,
        onMessages: (messages) => {
          batches.push(messages.length)
          gathered.add(...messages.map(({ sequence, bytes }) => ({ sequence, text: decode(bytes) })))
        },
      })
      await appendMany(501, 1200)
      await gathered.count(1200, follow.closed)
      expect(gathered.items.map(({ sequence }) => sequence)).toEqual(range(1, 1200))
      expect(new Set(gathered.items.map(({ text }) => text)).size).toBe(1200)
      expect(Math.min(...batches)).toBeGreaterThan(0)
      await follow.stop()
    })

    test('says the same of a message as reading it does', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      await appendMany(1, 50)
      const { gathered, follow } = gatherLog(broker, 1)
      for (const message of await gathered.count(50, follow.closed))
        expect(await broker.log.get(message.sequence)).toEqual({ ...message, bytes: new Uint8Array(message.bytes) })
    })

    test('resumes from any sequence', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      await appendMany(1, 30)
      const middle = gatherLog(broker, 20)
      const end = gatherLog(broker, 31)
      expect(sequencesOf(await middle.gathered.count(11, middle.follow.closed))).toEqual(range(20, 30))
      await appendMany(31, 32)
      expect(sequencesOf(await end.gathered.count(2, end.follow.closed))).toEqual([31, 32])
    })

    test('tells once when it has caught up, also when there is nothing', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      const empty = gatherLog(broker, 1)
      expect(await empty.caughtUp.count(1, empty.follow.closed)).toEqual([0])
      await appendMany(1, 300)
      await empty.gathered.count(300, empty.follow.closed)
      const full = gatherLog(broker, 1)
      const [at] = await full.caughtUp.count(1, full.follow.closed)
      expect(at).toBeGreaterThanOrEqual(300)
      const tail = gatherLog(broker, 301)
      expect(await tail.caughtUp.count(1, tail.follow.closed)).toEqual([0])
      await appendMany(301, 302)
      await tail.gathered.count(2, tail.follow.closed)
      expect([empty, full, tail].map(({ caughtUp }) => caughtUp.items.length)).toEqual([1, 1, 1])
    })

    test('beyond the end of the log is a gap: the log went back', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      await appendMany(1, 3)
      await expect(gatherLog(broker, 5).follow.closed).rejects.toMatchObject({ code: 'gap' })
    })

    test('stopped, it delivers nothing more and closes; again is the same', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      const stopped = gatherLog(broker, 1)
      const going = gatherLog(broker, 1)
      await appendMany(1, 5)
      await stopped.gathered.count(5, stopped.follow.closed)
      await stopped.follow.stop()
      await stopped.follow.stop()
      await stopped.follow.closed
      await appendMany(6, 10)
      await going.gathered.count(10, going.follow.closed)
      expect(stopped.gathered.items).toHaveLength(5)
    })

    test('can be stopped within its handler, and by its signal', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      const within = new Gathered<number>()
      const follow = broker.log.follow({
        from: 1,
        onMessages: (messages) => {
          void follow.stop()
          within.add(messages.length)
        },
      })
      const abort = new AbortController()
      const signalled = broker.log.follow({ from: 1, onMessages: () => abort.abort(), signal: abort.signal })
      await appendMany(1, 20)
      await Promise.all([follow.closed, signalled.closed])
      expect(within.items).toHaveLength(1)
      await broker.log.follow({ from: 1, onMessages: () => {}, signal: AbortSignal.abort() }).closed
    })

    test('ends with what its handler throws, and others go on', async () => {
      const { broker, appendMany } = await cellForTest(makeCell)
      const fault = new Error('handler')
      let calls = 0
      const bad = broker.log.follow({
        from: 1,
        onMessages: () => {
          calls++
          throw fault
        },
      })
      const outcome = expect(bad.closed).rejects.toBe(fault)
      const good = gatherLog(broker, 1)
      await appendMany(1, 10)
      await outcome
      await good.gathered.count(10, good.follow.closed)
      expect(calls).toBe(1)
      await bad.stop()
    })

    test('a handler may append', async () => {
      const { broker, message } = await cellForTest(makeCell)
      const acks: Promise<Ack>[] = []
      const gathered = new Gathered<number>()
      const follow = broker.log.follow({
        from: 1,
        onMessages: (messages) => {
          for (const { sequence } of messages) {
            gathered.add(sequence)
            if (sequence < 20) acks.push(broker.log.append(message(sequence + 1)))
          }
        },
      })
      await broker.log.append(message(1))
      await gathered.count(20, follow.closed)
      expect(await Promise.all(acks)).toHaveLength(19)
    })
  })

  describe('close', () => {
    test('ends follows, refuses what comes after, is the same again', async () => {
      const { cell, message } = await cellForTest(makeCell)
      const broker = await cell.connect('closing')
      const statuses: string[] = []
      broker.onStatus((status) => statuses.push(status))
      expect(broker.status()).toBe('connected')
      const appended = broker.log.append(message(1))
      const { follow } = gatherLog(broker, 1)
      await Promise.all([broker.close(), broker.close()])
      expect(await appended).toMatchObject({ sequence: 1 })
      await follow.closed
      expect(broker.status()).toBe('closed')
      expect(statuses).toEqual(['closed'])
      await expect(broker.log.append(message(2))).rejects.toMatchObject({ code: 'closed' })
      await expect(broker.log.info()).rejects.toMatchObject({ code: 'closed' })
    })
  })
}
