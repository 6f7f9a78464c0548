/** The contract of notices and request/reply. */
import { describe, expect, test } from 'vitest'
import type { CellMaker } from '../contract.ts'
import { BrokerError } from '../port.ts'
import { cellForTest, decode, encode, Gathered } from './support.ts'

export const noticesContract = (makeCell: CellMaker): void => {
  describe('notices', () => {
    test('reach everybody who subscribed, by filter, until stopped', async () => {
      const { cell, broker, subjects } = await cellForTest(makeCell)
      const other = await cell.connect('other')
      const all = new Gathered<string>()
      const one = new Gathered<string>()
      const first = other.notices.subscribe(`${subjects.namespace}.done.*`, (_, bytes) => all.add(decode(bytes)))
      const second = other.notices.subscribe(subjects.done('b'), (_, bytes) => one.add(decode(bytes)))
      await Promise.all([first.ready, second.ready])
      broker.notices.publish(subjects.done('a'), encode('a1'))
      broker.notices.publish(subjects.done('b'), encode('b1'))
      expect(await all.count(2)).toEqual(['a1', 'b1'])
      expect(await one.count(1)).toEqual(['b1'])
      second.stop()
      broker.notices.publish(subjects.done('b'), encode('b2'))
      await all.count(3)
      expect(one.items).toEqual(['b1'])
      first.stop()
    })
  })

  describe('request and reply', () => {
    test('is answered, by subject, also by a handler that takes its time', async () => {
      const { cell, broker, subjects } = await cellForTest(makeCell)
      const archive = await cell.connect('archive')
      const responder = archive.notices.respond(subjects.queries, async (subject, bytes) => {
        await new Promise((resolve) => setImmediate(resolve))
        return encode(`${subject.split('.').at(-1)}: ${decode(bytes)}`)
      })
      const ask = async () => decode(await broker.notices.request(subjects.query('jobs'), encode('{}'), 10_000))
      // The responder's subscription may need a moment to be known.
      let answer = ''
      while (answer === '')
        answer = await ask().catch((error: BrokerError) => {
          if (error.code !== 'no-responder') throw error
          return ''
        })
      expect(answer).toBe('jobs: {}')
      await responder.stop()
      await expect(ask()).rejects.toMatchObject({ code: 'no-responder' })
    })

    test('what the handler throws comes back as an error answer', async () => {
      const { broker, subjects } = await cellForTest(makeCell)
      broker.notices.respond(subjects.query('a'), () => {
        throw new BrokerError('not-found', 'No such job.')
      })
      broker.notices.respond(subjects.query('b'), () => Promise.reject(new Error('a bug')))
      const ask = async (name: string) =>
        JSON.parse(decode(await broker.notices.request(subjects.query(name), encode('{}'), 10_000)))
      expect(await ask('a')).toEqual({ error: { code: 'not-found', message: 'No such job.' } })
      expect(await ask('b')).toEqual({ error: { code: 'internal', message: 'a bug' } })
    })

    test('without an answer in time it rejects with timeout, without anybody with no-responder', async () => {
      const { broker, subjects } = await cellForTest(makeCell)
      await expect(broker.notices.request(subjects.query('x'), encode(''), 10_000)).rejects.toMatchObject({
        code: 'no-responder',
      })
      let release = () => {}
      const responder = broker.notices.respond(
        subjects.query('slow'),
        () =>
          new Promise<Uint8Array>((resolve) => {
            release = () => resolve(encode('late'))
          }),
      )
      await expect(broker.notices.request(subjects.query('slow'), encode(''), 50)).rejects.toMatchObject({
        code: 'timeout',
      })
      const stopped = responder.stop()
      release()
      await stopped
    })
  })
}
