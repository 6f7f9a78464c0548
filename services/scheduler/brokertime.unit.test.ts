import { expect, it } from 'vitest'
import { BrokerTime } from './brokertime.ts'

it('carries the newest broker time on by the monotonic clock', () => {
  const time = new BrokerTime()
  time.observe(1_000_000, 50)
  expect(time.now(50)).toBe(1_000_000)
  expect(time.now(1_250.7)).toBe(1_001_200)
})

it('knows no time before the first message', () => {
  expect(new BrokerTime().now(123)).toBe(0)
})

it('stands still while the broker is behind what was already said, and goes on from there', () => {
  const time = new BrokerTime()
  time.observe(1_000_000, 0)
  expect(time.now(500)).toBe(1_000_500)
  time.observe(999_000, 500)
  expect(time.now(500)).toBe(1_000_500)
  expect(time.now(1_500)).toBe(1_000_500)
  expect(time.now(2_100)).toBe(1_000_600)
})

it('follows the broker ahead', () => {
  const time = new BrokerTime()
  time.observe(1_000_000, 0)
  time.observe(4_600_000, 10)
  expect(time.now(10)).toBe(4_600_000)
})
