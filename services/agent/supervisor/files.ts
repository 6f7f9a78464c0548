/**
 * The files of one attempt: `<data>/attempts/<id>/` with `out`, `err`, `scratch/` and, if the spec has one, `in`.
 * Files and no pipes: nothing breaks and nothing blocks when somebody who reads dies.
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attemptFolder } from '#process'
import type { FolderPool } from './folder-pool.ts'

export type AttemptFiles = { stdin: number | 'ignore'; stdout: number; stderr: number; scratch: string }

/** Throws EEXIST when the attempt's folder exists: then it was spawned before, whatever anybody says. */
export const makeFiles = (data: string, attemptId: string, stdin: string | null, pool: FolderPool): AttemptFiles => {
  const folder = attemptFolder(data, attemptId)
  const outputs = pool.take(attemptId) ?? freshFolder(folder)
  const scratch = `${folder}/scratch`
  try {
    return { ...outputs, scratch, stdin: stdin === null || stdin === '' ? 'ignore' : openInput(`${folder}/in`, stdin) }
  } catch (error) {
    closeSync(outputs.stdout)
    closeSync(outputs.stderr)
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

const freshFolder = (folder: string): { stdout: number; stderr: number } => {
  mkdirSync(folder)
  const opened: number[] = []
  try {
    mkdirSync(`${folder}/scratch`)
    for (const name of ['out', 'err']) opened.push(openSync(`${folder}/${name}`, 'a'))
    return { stdout: opened[0]!, stderr: opened[1]! }
  } catch (error) {
    for (const file of opened) closeSync(file)
    // A full disk: half a folder helps nobody.
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

const openInput = (path: string, text: string): number => {
  writeFileSync(path, text)
  return openSync(path, 'r')
}

export const closeFiles = (files: AttemptFiles): void => {
  if (files.stdin !== 'ignore') closeSync(files.stdin)
  closeSync(files.stdout)
  closeSync(files.stderr)
}

const empty = { bytes: 0, tail: '' }

/** Size of an output file and its last bytes in base64. What the job has removed counts as empty. */
export const readTail = (
  data: string,
  attemptId: string,
  stream: 'out' | 'err',
  tailBytes: number,
): { bytes: number; tail: string } => {
  const path = join(attemptFolder(data, attemptId), stream)
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (bytes === 0) return empty
  const tail = Buffer.alloc(Math.min(bytes, tailBytes))
  try {
    const file = openSync(path, 'r')
    try {
      const read = readSync(file, tail, 0, tail.length, bytes - tail.length)
      return { bytes, tail: tail.toString('base64', 0, read) }
    } finally {
      closeSync(file)
    }
  } catch {
    return { bytes, tail: '' }
  }
}
