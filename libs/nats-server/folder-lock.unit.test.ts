/** The lock between processes: one at a time, dead owners are taken over, a live one is waited for only so long. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { withFolderLock } from './folder-lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('ten at once take turns', async () => {
  let inside = 0
  let most = 0
  const turns = Array.from({ length: 10 }, () =>
    withFolderLock(join(folder, 'lock'), 60_000, async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise(setImmediate)
      inside -= 1
    }),
  )
  await Promise.all(turns)
  expect(most).toBe(1)
})

test('the lock of a process that is gone is taken over', async () => {
  const { stdout: deadPid } = await execa('sh', ['-c', 'echo $$'])
  await mkdir(join(folder, 'lock'))
  await writeFile(join(folder, 'lock', 'owner'), deadPid)
  expect(await withFolderLock(join(folder, 'lock'), 60_000, async () => 'done')).toBe('done')
})

test('after the limit the work goes on without the lock, which stays its owner’s', async () => {
  const path = join(folder, 'lock')
  const result = await withFolderLock(path, 60_000, () => withFolderLock(path, 0, async () => 'done'))
  expect(result).toBe('done')
})
