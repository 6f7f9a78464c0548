/**
 * The agent's durable memory: an append-only file of records, one fsync a turn, rewritten when it has grown. It never
 * blocks the event loop with an fsync, and it never loses a record that it said is durable. A full disk is waited out:
 * nothing is confirmed meanwhile, so nothing is acknowledged or published, and the agent goes on when there is room.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { SpoolRecord } from '../brain/index.ts'
import { decodeSpool, encodeRecord, type SpoolContent, spoolMagic } from './format.ts'

/** Records that nobody waits for keep each other company for this long. */
const lazyMs = 20
const retryMs = 1_000
const rewriteBytes = 8 * 1024 * 1024

export type SpoolOptions = {
  /** Everything that must survive, as records: what a rewrite of the file holds. */
  snapshot: () => readonly SpoolRecord[]
  /** The disk refuses (ENOSPC, EIO, …). Called at each failed try. */
  onTrouble: (error: NodeJS.ErrnoException) => void
  /** It works again. */
  onRecovered: () => void
}

type Waiting = { bytes: Buffer; done: () => void }

export class Spool {
  readonly #path: string
  readonly #options: SpoolOptions
  #file = -1
  #bytes = 0
  #rewriteAt = 0
  #waiting: Waiting[] = []
  #busy = false
  #troubled = false
  #timer: NodeJS.Timeout | null = null

  private constructor(path: string, options: SpoolOptions) {
    this.#path = path
    this.#options = options
  }

  static read(data: string): SpoolContent {
    try {
      return decodeSpool(readFileSync(join(data, 'agent.spool')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return { records: [], goodBytes: 0, tornBytes: 0, damaged: 0 }
    }
  }

  /** Opens for appending what `read` has read. The file is rewritten at once: no dead wood, no torn tail. */
  static open(data: string, content: SpoolContent, options: SpoolOptions): Spool {
    const spool = new Spool(join(data, 'agent.spool'), options)
    try {
      spool.#rewrite()
    } catch (error) {
      // No room for a second file: go on with the first, cut back to what was good.
      if (content.goodBytes === 0) throw error
      options.onTrouble(error as NodeJS.ErrnoException)
      spool.#file = openSync(spool.#path, 'a')
      ftruncateSync(spool.#file, content.goodBytes)
      spool.#bytes = content.goodBytes
      spool.#rewriteAt = spool.#bytes + rewriteBytes
    }
    return spool
  }

  /** `done` is called once these records are on disk, in the order of the calls. */
  append(records: readonly SpoolRecord[], urgent: boolean, done: () => void): void {
    this.#waiting.push({ bytes: Buffer.concat(records.map(encodeRecord)), done })
    // While the disk refuses, only the timer tries again.
    if (this.#troubled) return
    if (urgent) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), lazyMs)
  }

  /** Writes what waits and closes. What can't be written any more is dropped; nobody was told that it is safe. */
  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    for (let tries = 0; tries < 20 && (this.#busy || this.#waiting.length > 0) && !this.#troubled; tries++) {
      this.#flush()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    if (this.#timer) clearTimeout(this.#timer)
    closeSync(this.#file)
    this.#file = -1
  }

  #flush(): void {
    if (this.#busy || this.#waiting.length === 0 || this.#file < 0) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const batch = this.#waiting
    this.#waiting = []
    try {
      // A rewrite holds what the brain knows now, so also what this batch says.
      if (this.#bytes > this.#rewriteAt) {
        this.#rewrite()
        return this.#durable(batch)
      }
      this.#write(Buffer.concat(batch.map(({ bytes }) => bytes)))
    } catch (error) {
      return this.#failed(batch, error as NodeJS.ErrnoException)
    }
    this.#busy = true
    fdatasync(this.#file, (error) => {
      this.#busy = false
      if (!error) return this.#durable(batch)
      // After a failed fsync nobody knows what of the file is on disk: it has to be written anew.
      this.#rewriteAt = -1
      this.#failed(batch, error)
    })
  }

  #durable(batch: readonly Waiting[]): void {
    if (this.#troubled) {
      this.#troubled = false
      this.#options.onRecovered()
    }
    for (const { done } of batch) done()
    // Whatever came in meanwhile goes together.
    this.#flush()
  }

  #failed(batch: Waiting[], error: NodeJS.ErrnoException): void {
    this.#troubled = true
    this.#waiting = [...batch, ...this.#waiting]
    this.#options.onTrouble(error)
    this.#timer = setTimeout(() => this.#flush(), retryMs)
  }

  #write(bytes: Buffer): void {
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written)
      this.#bytes += bytes.length
    } catch (error) {
      // Half a record in the middle of the file would be taken for damage.
      ftruncateSync(this.#file, this.#bytes)
      throw error
    }
  }

  #rewrite(): void {
    const draft = `${this.#path}.new`
    const bytes = Buffer.concat([spoolMagic, ...this.#options.snapshot().map(encodeRecord)])
    const file = openSync(draft, 'a', 0o600)
    try {
      ftruncateSync(file, 0)
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
      fdatasyncSync(file)
      renameSync(draft, this.#path)
      syncFolder(dirname(this.#path))
    } catch (error) {
      closeSync(file)
      throw error
    }
    if (this.#file >= 0) closeSync(this.#file)
    this.#file = file
    this.#bytes = bytes.length
    this.#rewriteAt = bytes.length + rewriteBytes
  }
}

const syncFolder = (path: string): void => {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
