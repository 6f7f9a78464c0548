/** Opening files: ours, new, foreign, newer, damaged, taken; and what a failing migration leaves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DatabaseKind, openDatabase } from './database.ts'
import type { StoreError } from './errors.ts'
import { SnapshotStore } from './snapshots.ts'
import { layForeignDatabase, tablesOf } from './tables.testing.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-store-'))
  path = join(folder, 'deep', 'test.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const kind = (...sql: string[]): DatabaseKind => ({
  name: 'test file',
  applicationId: 0x4d525400,
  migrations: sql.map((text, index) => ({ name: `step ${index + 1}`, sql: text })),
})
const one = kind('CREATE TABLE a (x)')
const refusal = (open: () => unknown): StoreError => {
  try {
    open()
  } catch (error) {
    return error as StoreError
  }
  throw new Error('Nothing was thrown.')
}
const tables = (file: string): string[] => Object.keys(tablesOf(file))

describe('a new file', () => {
  it('is made with its folder, in WAL, fsynced at checkpoints', () => {
    const { db, close } = openDatabase(path, one)
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(db.pragma('synchronous', { simple: true })).toBe(1)
    expect(db.pragma('application_id', { simple: true })).toBe(one.applicationId)
    expect(db.pragma('user_version', { simple: true })).toBe(1)
    close()
    close()
  })

  it('is refused where no folder can be made', () => {
    writeFileSync(join(folder, 'deep'), 'a file in the way')
    expect(refusal(() => openDatabase(path, one))).toMatchObject({ code: 'data-folder', hint: expect.any(String) })
  })
})

describe('migrations', () => {
  it('run the steps that a file has not seen, once', () => {
    openDatabase(path, one).close()
    openDatabase(path, kind('CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'CREATE TABLE c (x)')).close()
    openDatabase(path, kind('CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'CREATE TABLE c (x)')).close()
    expect(tables(path)).toEqual(['a', 'b', 'c'])
  })

  it('leave the file at the version before when a step fails, and go on from there', () => {
    openDatabase(path, one).close()
    expect(() => openDatabase(path, kind('', 'CREATE TABLE b (x)', 'CREATE TABLE c (x); SELECT nonsense'))).toThrow(
      /nonsense/,
    )
    expect(tables(path)).toEqual(['a', 'b'])
    openDatabase(path, kind('', 'CREATE TABLE b (x)', 'CREATE TABLE c (x)')).close()
    expect(tables(path)).toEqual(['a', 'b', 'c'])
  })
})

describe('a file that is not ours', () => {
  it.each([
    ['another application', 'PRAGMA application_id = 77; CREATE TABLE theirs (x)'],
    ['no application id', 'CREATE TABLE theirs (x)'],
  ])('is refused and left as it is: %s', (_, sql) => {
    openDatabase(path, one).close()
    rmSync(path)
    layForeignDatabase(path, sql)
    const before = readFileSync(path)
    expect(refusal(() => openDatabase(path, one))).toMatchObject({
      code: 'foreign-database',
      hint: expect.stringContaining('--data'),
    })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('is refused when it is another kind of ours', () => {
    new SnapshotStore(path).close()
    expect(refusal(() => openDatabase(path, one)).code).toBe('foreign-database')
  })

  it('is refused when a newer version wrote it', () => {
    openDatabase(path, kind('CREATE TABLE a (x)', 'CREATE TABLE b (x)')).close()
    expect(refusal(() => openDatabase(path, one))).toMatchObject({
      code: 'newer-database',
      message: expect.stringContaining('schema 2'),
    })
  })

  it.each(['no database at all, just some text that is long enough to be read as a header'.repeat(20), 'short'])(
    'is refused when it is no database',
    (text) => {
      openDatabase(path, one).close()
      writeFileSync(path, text)
      expect(refusal(() => openDatabase(path, one)).code).toBe('not-a-database')
      expect(readFileSync(path, 'utf8')).toBe(text)
    },
  )
})

describe('a file in use', () => {
  it('is refused, naming the process, and free again when that one closes', () => {
    const first = openDatabase(path, one)
    const error = refusal(() => openDatabase(path, one))
    expect(error).toMatchObject({ code: 'in-use', message: expect.stringContaining(`process ${process.pid}`) })
    first.close()
    openDatabase(path, one).close()
  })

  it('is free again when the process that had it was killed', async () => {
    const script = `const { openDatabase } = await import(${JSON.stringify(new URL('./database.ts', import.meta.url).href)})
      openDatabase(${JSON.stringify(path)}, ${JSON.stringify(one)}); console.log('open'); setInterval(() => {}, 1e6)`
    const holder = spawn(
      process.execPath,
      ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    await once(holder.stdout, 'data')
    expect(refusal(() => openDatabase(path, one)).message).toContain(`process ${holder.pid}`)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    openDatabase(path, one).close()
  })
})

describe('snapshots', () => {
  it('keep the last three and give the newest', () => {
    const snapshots = new SnapshotStore(path)
    expect(snapshots.latest()).toBeNull()
    for (const position of [10, 40, 20, 30]) snapshots.save(position, Buffer.from(`at ${position}`))
    expect(snapshots.latest()).toEqual({ position: 40, bytes: Buffer.from('at 40') })
    expect(snapshots.latest(40)?.position).toBe(30)
    expect(snapshots.latest(20)).toBeNull()
    snapshots.close()
    const again = new SnapshotStore(path)
    expect(again.latest()?.position).toBe(40)
    again.clear()
    expect(again.latest()).toBeNull()
    again.close()
  })

  it('pass over one whose bytes have changed', () => {
    const snapshots = new SnapshotStore(path)
    for (const position of [10, 20]) snapshots.save(position, Buffer.from(`at ${position}`))
    snapshots.close()
    layForeignDatabase(path, "UPDATE snapshots SET bytes = x'00' WHERE position = 20")
    const again = new SnapshotStore(path)
    expect(again.latest()?.position).toBe(10)
    again.close()
  })
})

it('says so when the folder may not be written', { skip: process.getuid?.() === 0 }, () => {
  chmodSync(folder, 0o500)
  expect(refusal(() => openDatabase(path, one)).code).toBe('data-folder')
  chmodSync(folder, 0o700)
})
