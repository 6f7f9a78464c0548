/** A disk that is really full: a tiny tmpfs. Needs the right to mount; without it the test says that it was skipped. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { capacityOf, requestOf, Told } from '../../../libs/process/contract.testing.ts'
import type { SpoolRecord } from '../brain/index.ts'
import { realCell, until } from '../testing/supervisor-cell.ts'
import { Spool } from './spool.ts'

const mount = (folder: string, size: string): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

let folder: string
let mounted = false
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-full-'))
  mounted = mount(folder, '512k')
})
afterEach(() => {
  if (mounted) execFileSync('umount', ['-l', folder])
  rmSync(folder, { recursive: true, force: true })
})

/** Takes all room that is left. */
const fill = (path: string): void => {
  for (const size of [65_536, 4_096, 1]) {
    for (let n = 0; n < 200; n++) {
      try {
        writeFileSync(`${path}/filler-${size}-${n}`, Buffer.alloc(size))
      } catch {
        break
      }
    }
  }
}
const empty = (path: string): void => {
  for (const name of readdirSync(path)) if (name.startsWith('filler-')) rmSync(join(path, name))
}

test('spool: nothing is confirmed while the disk is full; all of it once there is room', async ({ skip }) => {
  if (!mounted) return skip('may not mount a tmpfs here')
  const troubles: string[] = []
  const live: SpoolRecord[] = []
  const spool = Spool.open(folder, Spool.read(folder), {
    snapshot: () => live,
    onTrouble: (error) => void troubles.push(error.code ?? error.message),
    onRecovered: () => void troubles.push('recovered'),
  })
  fill(folder)
  const done: number[] = []
  const records = Array.from(
    { length: 5 },
    (_, n): SpoolRecord => ({ t: 'facts', id: `c${n}`, bytes: new Uint8Array(5000) }),
  )
  for (const [n, record] of records.entries()) spool.append([record], true, () => void done.push(n))
  await until(() => troubles.includes('ENOSPC'))
  expect(done).toEqual([])
  empty(folder)
  await until(() => done.length === 5)
  expect(done).toEqual([0, 1, 2, 3, 4])
  expect(troubles.at(-1)).toBe('recovered')
  expect(Spool.read(folder)).toMatchObject({ records, damaged: 0, tornBytes: 0 })
  await spool.close()
  expect(statSync(join(folder, 'agent.spool')).size).toBeGreaterThan(15_000)
})

test('supervisor: gives attempts back while the disk is full, and goes on afterwards', async ({ skip }) => {
  if (!mounted) return skip('may not mount a tmpfs here')
  const cell = await realCell({ capacity: capacityOf(2), within: folder })
  try {
    const told = await Told.by(cell)
    told.supervisor.start([requestOf('a.1', ['true'])])
    await until(() => told.end('a.1') !== undefined)
    fill(folder)
    told.supervisor.start([requestOf('b.1', ['true'], { stdin: 'x'.repeat(60_000) })])
    await until(() => told.unstarted('b.1') !== undefined || cell.log().includes('ENOSPC'))
    empty(folder)
    await until(() => told.unstarted('b.1') !== undefined)
    expect(told.unstarted('b.1')).toBe('no-room')
    told.supervisor.start([requestOf('c.1', ['true'])])
    await until(() => told.end('c.1') !== undefined)
    expect(told.end('c.1')).toMatchObject({ cause: 'exit', exitCode: 0 })
  } finally {
    await cell.dispose()
  }
})
