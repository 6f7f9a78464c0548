/** What counts as a nats-server's answer to --version. */
import { expect, test } from 'vitest'
import { parseNatsServerVersion } from './versions.ts'

test.each([
  ['nats-server: v2.10.27\n', '2.10.27'],
  ['nats-server: v2.15.1', '2.15.1'],
  ['nats-server: v2.12.0-RC.1\n', '2.12.0-RC.1'],
  ['nats-server: 2.9.10\n', '2.9.10'],
  ['warning: something\nnats-server: v2.10.27\n', '2.10.27'],
])('%j is %s', (text, version) => {
  expect(parseNatsServerVersion(text)).toBe(version)
})

test.each(['', 'gnatsd: v1.0.0', 'nats-server: vnext', 'not nats-server: v2.10.27'])('%j is no answer', (text) => {
  expect(parseNatsServerVersion(text)).toBeUndefined()
})
