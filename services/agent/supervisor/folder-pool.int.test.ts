import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { attemptFolder, folderPool } from '#process'
import { AttemptFolders, tidyAttempt } from '../attempt-folders.ts'
import { until } from '../testing/supervisor-cell.ts'
import { closeFiles, makeFiles } from './files.ts'
import { FolderPool } from './folder-pool.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'millrace-pool-'))
  mkdirSync(join(data, 'attempts'))
  mkdirSync(folderPool(data))
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

/** An attempt that ran, wrote this, and was tidied. */
const used = async (id: string, text = '', spoil: (folder: string) => void = () => {}) => {
  const files = makeFiles(data, id, 'input', new FolderPool(data))
  writeSync(files.stdout, text)
  closeFiles(files)
  spoil(attemptFolder(data, id))
  await tidyAttempt(data, id, true)
}

test('a used folder serves the next attempt, empty', async () => {
  await used('a.1', 'output of a')
  expect(readdirSync(folderPool(data))).toEqual(['a.1'])
  const pool = new FolderPool(data)
  closeFiles(makeFiles(data, 'b.1', null, pool))
  expect(readdirSync(folderPool(data))).toEqual([])
  expect(readdirSync(attemptFolder(data, 'b.1')).sort()).toEqual(['err', 'out', 'scratch'])
})

test('what the job left in its scratch folder stays, with its output', async () => {
  await used('a.1', 'text', (folder) => writeFileSync(`${folder}/scratch/plot.png`, 'x'))
  expect(readdirSync(attemptFolder(data, 'a.1')).sort()).toEqual(['err', 'in', 'out', 'scratch'])
})

/** The job puts a link in the place of something. */
const replaceBy = (name: string, target: string) => (folder: string) => {
  rmSync(`${folder}/${name}`, { recursive: true })
  symlinkSync(target, `${folder}/${name}`)
}

test.each<[string, (folder: string) => void]>([
  ['a link instead of the output', replaceBy('out', '/etc/hostname')],
  ['a second name for the output', (folder) => linkSync(`${folder}/err`, join(data, 'spy'))],
  ['a link instead of scratch', replaceBy('scratch', '/tmp')],
  ['no output file', (folder) => unlinkSync(`${folder}/out`)],
  ['a scratch folder that nobody may enter', (folder) => chmodSync(`${folder}/scratch`, 0)],
])('%s never reaches another attempt', (_, spoil) => {
  const folder = join(folderPool(data), 'old.1')
  mkdirSync(join(folder, 'scratch'), { recursive: true })
  writeFileSync(join(folder, 'out'), '')
  writeFileSync(join(folder, 'err'), '')
  spoil(folder)
  const files = makeFiles(data, 'b.1', null, new FolderPool(data))
  writeSync(files.stdout, 'secret')
  closeFiles(files)
  expect(readdirSync(attemptFolder(data, 'b.1')).sort()).toEqual(['err', 'out', 'scratch'])
  expect(readdirSync(folderPool(data))).toEqual([])
})

test('an attempt whose folder exists was spawned before, with or without a pool', async () => {
  await used('old.1')
  const pool = new FolderPool(data)
  closeFiles(makeFiles(data, 'a.1', null, pool))
  expect(() => makeFiles(data, 'a.1', null, pool)).toThrow(/EEXIST/)
  await used('older.1')
  expect(() => makeFiles(data, 'a.1', null, new FolderPool(data))).toThrow(expect.objectContaining({ code: 'EEXIST' }))
})

test('folders are used again only where trees are proved empty, and so many at most', async () => {
  const folders = new AttemptFolders(data)
  const end = (id: string) => {
    closeFiles(makeFiles(data, id, null, new FolderPool(join(data, 'no-pool'))))
    folders.ended(id, true)
    folders.shipped(id)
    folders.forgotten(id)
  }
  end('a.1')
  await until(() => readdirSync(join(data, 'attempts')).length === 0)
  expect(readdirSync(folderPool(data))).toEqual([])
  folders.proved = true
  for (let n = 0; n < 200; n++) end(`b${n}.1`)
  await until(() => readdirSync(join(data, 'attempts')).length === 0)
  expect(readdirSync(folderPool(data)).length).toBe(128)
})
