/** The contract of a host's durable consumer: filter, acknowledgement, redelivery in order. */
import { describe, expect, test } from 'vitest'
import type { CellMaker } from '../contract.ts'
import type { Broker, LogMessage } from '../port.ts'
import { cellForTest, encode, Gathered, range, sequencesOf } from './support.ts'

export const hostContract = (makeCell: CellMaker): void => {
  const prepare = async () => {
    const given = await cellForTest(makeCell)
    const { broker, subjects } = given
    let count = 0
    const say = (subject: string) =>
      broker.log.append({ subject, id: `say-${++count}`, bytes: encode(`say ${count}`) }).then((ack) => ack.sequence)
    const order = () => say(subjects.orders('h1'))
    return { ...given, say, order }
  }
  const gather = (broker: Broker, host: string) => {
    const gathered = new Gathered<LogMessage>()
    const follow = broker.log.followHost({ host, onMessages: (messages) => gathered.add(...messages) })
    follow.closed.catch(() => {})
    return { gathered, follow }
  }

  describe('host consumer', () => {
    test('delivers the host’s own orders and facts and what is for all, and nothing else', async () => {
      const { broker, subjects, say } = await prepare()
      await broker.log.ensureHostConsumer('h1', 1)
      const { gathered, follow } = gather(broker, 'h1')
      const wanted = [
        await say(subjects.orders('h1')),
        await say(subjects.facts('h1')),
        await say(subjects.leaderClaimed),
      ]
      await say(subjects.orders('h2'))
      await say(subjects.decisions)
      wanted.push(await say(subjects.orders('h1')))
      expect(sequencesOf(await gathered.count(4, follow.closed))).toEqual(wanted)
    })

    test('waits until the consumer is made, which begins where asked; making it again changes nothing', async () => {
      const { broker, order } = await prepare()
      for (const _ of range(1, 5)) await order()
      const { gathered, follow } = gather(broker, 'h1')
      await broker.log.ensureHostConsumer('h1', 4)
      await broker.log.ensureHostConsumer('h1', 1)
      await order()
      expect(sequencesOf(await gathered.count(3, follow.closed))).toEqual([4, 5, 6])
    })

    test('after a restart: all that was not acknowledged, in order and before anything newer', async () => {
      const { cell, broker, order } = await prepare()
      await broker.log.ensureHostConsumer('h1', 1)
      const before = await cell.connect('agent')
      const one = gather(before, 'h1')
      for (const _ of range(1, 10)) await order()
      await one.gathered.count(10, one.follow.closed)
      one.follow.acknowledge(4)
      await before.close()
      for (const _ of range(11, 15)) await order()
      const after = await cell.connect('agent')
      const two = gather(after, 'h1')
      expect(sequencesOf(await two.gathered.count(11, two.follow.closed))).toEqual(range(5, 15))
    })

    test('acknowledges everything up to a sequence, also between two of its own', async () => {
      const { cell, broker, subjects, say, order } = await prepare()
      await broker.log.ensureHostConsumer('h1', 1)
      const before = await cell.connect('agent')
      const one = gather(before, 'h1')
      await order() // 1
      await say(subjects.decisions) // 2
      await order() // 3
      await one.gathered.count(2, one.follow.closed)
      one.follow.acknowledge(2)
      await before.close()
      const middle = await cell.connect('agent')
      const two = gather(middle, 'h1')
      expect(sequencesOf(await two.gathered.count(1, two.follow.closed))).toEqual([3])
      two.follow.acknowledge(1000)
      await middle.close()
      await order() // 4
      const three = gather(await cell.connect('agent'), 'h1')
      expect(sequencesOf(await three.gathered.count(1, three.follow.closed))).toEqual([4])
    })

    test('delivers once in the life of a follow, though nothing is acknowledged', async () => {
      const { broker, order } = await prepare()
      await broker.log.ensureHostConsumer('h1', 1)
      const { gathered, follow } = gather(broker, 'h1')
      for (const _ of range(1, 300)) await order()
      await gathered.count(300, follow.closed)
      await follow.stop()
      expect(sequencesOf(gathered.items)).toEqual(range(1, 300))
    })
  })
}
