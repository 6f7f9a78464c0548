import type { JetStreamClient, JsMsg } from '@nats-io/jetstream'
import { expect, onTestFinished, test } from 'vitest'
import { Gathered } from '../contract/support.ts'
import type { Link, LinkListener } from './link.ts'
import { subscribe } from './subscription.ts'

/** A consumer that delivers what the test says, and is otherwise silent. */
const scene = (stallMs: number) => {
  const opened = new Gathered<number>()
  const handed = new Gathered<number>()
  const listeners = new Set<LinkListener>()
  let deliver: (message: JsMsg) => void = () => {}
  let next = 1
  const link = {
    status: () => 'connected',
    listen: (listener: LinkListener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  } as unknown as Link
  const js = {
    consumers: {
      getConsumerFromInfo: () => ({
        consume: async ({ callback }: { callback: (message: JsMsg) => void }) => {
          deliver = callback
          opened.add(next)
          return { status: async function* () {}, closed: () => new Promise(() => {}), stop() {} }
        },
      }),
    },
  } as unknown as JetStreamClient
  const follow = subscribe<{ sequence: number }>({
    link,
    js,
    stallMs,
    open: async () => ({
      consumer: {} as never,
      nextDelivery: 1,
      accept: (_, { sequence }) => {
        next = sequence + 1
        return { sequence }
      },
    }),
    onBatch: (batch) => handed.add(...batch.map(({ sequence }) => sequence)),
  })
  onTestFinished(() => follow.stop())
  const arrive = (sequence: number, number: number) =>
    deliver({ reply: `$JS.ACK.LOG.c.1.${sequence}.${number}.1700000000123456789.0` } as unknown as JsMsg)
  return { opened, handed, listeners, arrive, follow }
}

test('silence: the consumer is opened again, behind the last message', async () => {
  const { opened, handed, arrive, follow } = scene(40)
  await opened.count(1)
  arrive(1, 1)
  arrive(2, 2)
  await handed.count(2)
  expect((await opened.count(2, follow.closed)).slice(0, 2)).toEqual([1, 3])
})

test('a delivery lost on the way: opened again, what came before it is handed over, the rest is not', async () => {
  const { opened, handed, arrive, follow } = scene(60_000)
  await opened.count(1)
  arrive(1, 1)
  arrive(3, 3)
  arrive(4, 4)
  expect(await opened.count(2, follow.closed)).toEqual([1, 2])
  expect(handed.items).toEqual([1])
})

test('a break of the connection gives the consumer up; closing it ends the subscription', async () => {
  const { opened, listeners, follow } = scene(60_000)
  await opened.count(1)
  for (const listener of [...listeners]) listener.onDisconnected?.()
  await opened.count(2, follow.closed)
  for (const listener of [...listeners]) listener.onClosed?.()
  await follow.closed
})
