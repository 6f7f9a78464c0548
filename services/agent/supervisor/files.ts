/**
 * The files of one attempt: `<data>/attempts/<id>/` with `out`, `err`, `scratch/` and, if the spec has one, `in`.
 * Files and no pipes: nothing breaks and nothing blocks when somebody who reads dies.
 */
import { closeSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attemptFolder } from '#process'

export type AttemptFiles = { stdin: number | 'ignore'; stdout: number; stderr: number; scratch: string }

/** Throws EEXIST when the attempt's folder exists: then it was spawned before, whatever anybody says. */
export const makeFiles = (data: string, attemptId: string, stdin: string | null): AttemptFiles => {
  const folder = attemptFolder(data, attemptId)
  mkdirSync(folder, { mode: 0o755 })
  const scratch = `${folder}/scratch`
  mkdirSync(scratch)
  const opened: number[] = []
  const open = (path: string, flags: string): number => {
    const file = openSync(path, flags)
    opened.push(file)
    return file
  }
  try {
    if (stdin !== null && stdin !== '') writeFileSync(`${folder}/in`, stdin)
    return {
      stdin: stdin === null || stdin === '' ? 'ignore' : open(`${folder}/in`, 'r'),
      stdout: open(`${folder}/out`, 'a'),
      stderr: open(`${folder}/err`, 'a'),
      scratch,
    }
  } catch (error) {
    for (const file of opened) closeSync(file)
    throw error
  }
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
