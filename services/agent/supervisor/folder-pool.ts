/**
 * Used attempt folders, emptied by the agent, for the next attempts. Making two folders and two files costs a
 * millisecond on ext4 (four new inodes, more than the fork itself); moving a used folder into place costs 30 µs.
 * Must never hand on anything but what a fresh folder would be: a job can do to its own folder whatever it likes.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { attemptFolder, folderPool } from '#process'

/** Looking into an empty pool again and again would cost what it saves. */
const lookAgainMs = 20
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW

export class FolderPool {
  readonly #data: string
  #ready: string[] = []
  #lookedMs = Number.NEGATIVE_INFINITY

  constructor(data: string) {
    this.#data = data
  }

  /** Puts a used folder in the place of this attempt's. Null when there is none; EEXIST when the place is taken. */
  take(attemptId: string): { stdout: number; stderr: number } | null {
    const name = this.#next()
    if (name === undefined) return null
    const folder = attemptFolder(this.#data, attemptId)
    try {
      // rename(2) refuses when a folder with something in it is there: an attempt id is spawned once.
      renameSync(join(folderPool(this.#data), name), folder)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      this.#ready.push(name)
      throw code === 'ENOTEMPTY' ? Object.assign(error as Error, { code: 'EEXIST' }) : error
    }
    return this.#open(folder)
  }

  #open(folder: string): { stdout: number; stderr: number } | null {
    const opened: number[] = []
    try {
      const scratch = lstatSync(`${folder}/scratch`)
      if (!scratch.isDirectory() || (scratch.mode & 0o700) !== 0o700) throw new Error('scratch is no plain folder')
      for (const name of ['out', 'err']) {
        const file = openSync(`${folder}/${name}`, flags)
        opened.push(file)
        const { size, nlink } = fstatSync(file)
        if (size !== 0 || nlink !== 1 || !fstatSync(file).isFile()) throw new Error(`${name} is no empty file`)
      }
      return { stdout: opened[0]!, stderr: opened[1]! }
    } catch {
      for (const file of opened) closeSync(file)
      rmSync(folder, { recursive: true, force: true })
      return null
    }
  }

  #next(): string | undefined {
    const nowMs = performance.now()
    if (this.#ready.length === 0 && nowMs - this.#lookedMs >= lookAgainMs) {
      this.#lookedMs = nowMs
      try {
        this.#ready = readdirSync(folderPool(this.#data))
      } catch {
        // No agent has put anything there yet.
      }
    }
    return this.#ready.pop()
  }
}
