import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takeLock } from './lock.ts'
import { readBootId, readProcessStat } from './proc.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const lockOf = () => join(folder, 'lock')

test('one holder at a time, who is named', () => {
  const first = takeLock(lockOf())
  expect(first.held).toBe(true)
  expect(takeLock(lockOf())).toMatchObject({ held: false, owner: { pid: process.pid } })
  if (first.held) first.release()
  expect(takeLock(lockOf()).held).toBe(true)
  expect(readdirSync(folder)).toEqual(['lock'])
})

const self = () => ({ pid: process.pid, startTicks: readProcessStat(process.pid)!.startTicks, bootId: readBootId() })

test.each([
  ['a pid that names somebody else by now', () => ({ ...self(), startTicks: 1 })],
  ['a process of another boot', () => ({ ...self(), bootId: 'other' })],
  ['a process that is gone', () => ({ ...self(), pid: 2 ** 22 + 1 })],
])('a lock of %s is taken over', (_, owner) => {
  writeFileSync(lockOf(), JSON.stringify(owner()))
  expect(takeLock(lockOf()).held).toBe(true)
  expect(JSON.parse(readFileSync(lockOf(), 'utf8'))).toEqual(self())
})

test.each(['', 'garbage', '{"pid":"x"}', 'null'])('a damaged lock (%j) is taken over', (text) => {
  writeFileSync(lockOf(), text)
  expect(takeLock(lockOf()).held).toBe(true)
})

test('a missing folder is an error, not a loop', () => {
  expect(() => takeLock(join(folder, 'missing', 'lock'))).toThrow(/ENOENT/)
})
