/** The contract of beats, output and files. */
import { describe, expect, test } from 'vitest'
import { limits } from '#schemas'
import type { CellMaker } from '../contract.ts'
import type { Broker, OutputChunk } from '../port.ts'
import { cellForTest, decode, encode, Gathered, range, sameBytes } from './support.ts'

export const sideStreamsContract = (makeCell: CellMaker): void => {
  describe('beats', () => {
    const watch = (broker: Broker, filter: string) => {
      const gathered = new Gathered<string>()
      const follow = broker.beats.watch(filter, (subject, bytes) =>
        gathered.add(`${subject.split('.').at(-1)} ${decode(bytes)}`),
      )
      follow.closed.catch(() => {})
      return { gathered, follow }
    }

    test('gives the last value of each subject first, then every new one', async () => {
      const { cell, broker, subjects } = await cellForTest(makeCell)
      for (const n of range(1, 5)) await broker.beats.put(subjects.beat('h1'), encode(`${n}`))
      await broker.beats.put(subjects.beat('h2'), encode('1'))
      await broker.beats.put(subjects.leaderLease, encode('me'))
      const { gathered, follow } = watch(await cell.connect('watcher'), subjects.beats)
      expect([...(await gathered.count(2, follow.closed))].sort()).toEqual(['h1 5', 'h2 1'])
      await broker.beats.put(subjects.beat('h1'), encode('6'))
      await gathered.count(3, follow.closed)
      await broker.beats.put(subjects.beat('h2'), encode('2'))
      expect((await gathered.count(4, follow.closed)).slice(2)).toEqual(['h1 6', 'h2 2'])
      await follow.stop()
    })

    test('a watcher that came before the first value gets it', async () => {
      const { broker, subjects } = await cellForTest(makeCell)
      const { gathered, follow } = watch(broker, subjects.leaderLease)
      await broker.beats.put(subjects.leaderLease, encode('first'))
      expect(await gathered.count(1, follow.closed)).toEqual(['leader first'])
    })

    test('refuses a subject that is no beat', async () => {
      const { broker, subjects } = await cellForTest(makeCell)
      await expect(broker.beats.put(`${subjects.namespace}.nowhere`, encode('1'))).rejects.toMatchObject({
        code: 'no-responder',
      })
    })
  })

  describe('output', () => {
    const chunk = (job: string, offset: number, text: string, more: Partial<OutputChunk> = {}): OutputChunk => ({
      job,
      attempt: 1,
      stream: 'out',
      offset,
      timeMs: 1_700_000_000_000 + offset,
      bytes: encode(text),
      last: false,
      ...more,
    })
    const gather = (broker: Broker, job: string) => {
      const gathered = new Gathered<OutputChunk>()
      const caughtUp = new Gathered<number>()
      const follow = broker.output.follow(
        job,
        (c) => gathered.add({ ...c, bytes: new Uint8Array(c.bytes) }),
        () => caughtUp.add(gathered.items.length),
      )
      follow.closed.catch(() => {})
      return { gathered, caughtUp, follow }
    }

    test('comes as it was stored, kept ones first, of this job only', async () => {
      const { broker } = await cellForTest(makeCell)
      const chunks = [
        chunk('a', 0, 'one '),
        chunk('a', 0, 'oops ', { stream: 'err' }),
        chunk('a', 4, 'two '),
        chunk('a', 0, 'again ', { attempt: 2 }),
        chunk('a', 8, '', { last: true }),
      ]
      for (const c of chunks.slice(0, 3)) await broker.output.append(c)
      await broker.output.append(chunk('b', 0, 'another job'))
      const { gathered, caughtUp, follow } = gather(broker, 'a')
      expect(await caughtUp.count(1, follow.closed)).toEqual([3])
      for (const c of chunks.slice(3)) await broker.output.append(c)
      expect(await gathered.count(5, follow.closed)).toEqual(chunks)
    })

    test('the same chunk twice is stored once', async () => {
      const { broker } = await cellForTest(makeCell)
      await broker.output.append(chunk('a', 0, 'one'))
      await broker.output.append(chunk('a', 0, 'one'))
      await broker.output.append(chunk('a', 3, 'two'))
      const { gathered, follow } = gather(broker, 'a')
      expect((await gathered.count(2, follow.closed)).map(({ offset }) => offset)).toEqual([0, 3])
    })

    test('of a job without output is caught up at once', async () => {
      const { broker } = await cellForTest(makeCell)
      const { caughtUp, follow } = gather(broker, 'nothing')
      expect(await caughtUp.count(1, follow.closed)).toEqual([0])
    })

    test('any bytes pass, a chunk over the limit is refused', async () => {
      const { broker } = await cellForTest(makeCell)
      const bytes = Uint8Array.from({ length: limits.outputChunkBytesMax }, (_, index) => index * 31)
      await broker.output.append(chunk('a', 0, '', { bytes }))
      await expect(
        broker.output.append(chunk('a', bytes.length, '', { bytes: new Uint8Array(bytes.length + 1) })),
      ).rejects.toMatchObject({ code: 'too-large' })
      const { gathered, follow } = gather(broker, 'a')
      expect(sameBytes((await gathered.count(1, follow.closed))[0]?.bytes, bytes)).toBe(true)
    })
  })

  describe('files', () => {
    test('are put, read, replaced and deleted, whatever their size', async () => {
      const { cell, broker } = await cellForTest(makeCell)
      const other = await cell.connect('other')
      expect(await broker.files.get('snapshot/none')).toBeNull()
      const large = Uint8Array.from({ length: 700_000 }, (_, index) => index * 17)
      await broker.files.put('snapshot/1', large)
      await broker.files.put('empty', new Uint8Array(0))
      expect(sameBytes(await other.files.get('snapshot/1'), large)).toBe(true)
      expect(await other.files.get('empty')).toHaveLength(0)
      await broker.files.put('snapshot/1', encode('small'))
      expect(decode((await other.files.get('snapshot/1'))!)).toBe('small')
      await other.files.delete('snapshot/1')
      await other.files.delete('never there')
      expect(await broker.files.get('snapshot/1')).toBeNull()
    })
  })
}
