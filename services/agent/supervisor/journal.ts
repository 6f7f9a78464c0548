/**
 * The supervisor's journal: what was spawned and how it ended, so that an exit survives the agent's absence and the
 * supervisor's own death. One JSON line a record; a torn last line (a crash while writing) is passed over.
 *
 * A record is in the page cache when `append` returns: it survives the death of this process. After `sync` it survives
 * the machine's. A spawn is only appended: if the machine dies, nothing of that boot lives anyway.
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
import type { AttemptEnd, SupervisorReport } from '#process'

export type JournalRecord =
  | { t: 'life'; bootId: string; pid: number }
  | { t: 'spawning'; id: string }
  | { t: 'final'; report: Exclude<SupervisorReport, { kind: 'started' }> }
  | { t: 'forgotten'; ids: readonly string[] }

export type Ended = { id: string; report: Exclude<SupervisorReport, { kind: 'started' }> }

/** What a journal says: ends that nobody has taken yet, and spawns without an end. */
export type JournalState = {
  bootId: string | null
  unended: Set<string>
  finals: Map<string, Ended['report']>
  /** Lines that could not be read, but for a torn last one. */
  damaged: number
}

export const reportId = (report: SupervisorReport): string =>
  report.kind === 'ended' ? report.end.attemptId : report.attemptId

/** Reads any bytes; never throws. */
export const foldJournal = (text: string): JournalState => {
  const state: JournalState = { bootId: null, unended: new Set(), finals: new Map(), damaged: 0 }
  const lines = text.split('\n')
  const torn = lines.length - 1
  for (const [index, line] of lines.entries()) {
    if (line === '') continue
    try {
      foldRecord(state, JSON.parse(line) as JournalRecord)
    } catch {
      if (index !== torn) state.damaged++
    }
  }
  return state
}

const foldRecord = (state: JournalState, record: JournalRecord): void => {
  switch (record.t) {
    case 'life':
      state.bootId = record.bootId
      return
    case 'spawning':
      state.unended.add(record.id)
      return
    case 'final': {
      const id = reportId(record.report)
      state.unended.delete(id)
      state.finals.set(id, record.report)
      return
    }
    case 'forgotten':
      for (const id of record.ids) state.finals.delete(id)
  }
}

/** Rewritten when it has grown by this much over what it holds. */
const rewriteBytes = 8 * 1024 * 1024

export class Journal {
  readonly #path: string
  #file: number
  #bytes: number
  #rewriteAt: number

  private constructor(path: string, file: number, bytes: number) {
    this.#path = path
    this.#file = file
    this.#bytes = bytes
    this.#rewriteAt = bytes + rewriteBytes
  }

  static read(data: string): JournalState {
    try {
      return foldJournal(readFileSync(join(data, 'supervisor.journal'), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return foldJournal('')
      throw error
    }
  }

  /** Starts a fresh file that holds these records and takes the old one's place at once. */
  static begin(data: string, records: readonly JournalRecord[]): Journal {
    const path = join(data, 'supervisor.journal')
    const { file, bytes } = writeFresh(path, records)
    return new Journal(path, file, bytes)
  }

  get wantsRewrite(): boolean {
    return this.#bytes > this.#rewriteAt
  }

  append(records: readonly JournalRecord[]): void {
    const text = linesOf(records)
    // A torn line in the middle would swallow the next one: take it off again (full disk).
    try {
      this.#bytes += writeWhole(this.#file, text)
    } catch (error) {
      ftruncateSync(this.#file, this.#bytes)
      throw error
    }
  }

  sync(done: (error: Error | null) => void): void {
    fdatasync(this.#file, done)
  }

  rewrite(records: readonly JournalRecord[]): void {
    const { file, bytes } = writeFresh(this.#path, records)
    // A sync under way may still use the old descriptor's number: it is closed once that is surely over.
    const old = this.#file
    fdatasync(old, () => closeSync(old))
    this.#file = file
    this.#bytes = bytes
    this.#rewriteAt = bytes + rewriteBytes
  }

  close(): void {
    fdatasyncSync(this.#file)
    closeSync(this.#file)
  }
}

const linesOf = (records: readonly JournalRecord[]): string => {
  let text = ''
  for (const record of records) text += `${JSON.stringify(record)}\n`
  return text
}

const writeWhole = (file: number, text: string): number => {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
  return bytes.length
}

const writeFresh = (path: string, records: readonly JournalRecord[]): { file: number; bytes: number } => {
  const draft = `${path}.new`
  // Appending, so that what follows a truncation goes where the truncation ended.
  const file = openSync(draft, 'a')
  try {
    ftruncateSync(file, 0)
    const bytes = writeWhole(file, linesOf(records))
    fdatasyncSync(file)
    renameSync(draft, path)
    syncFolder(dirname(path))
    return { file, bytes }
  } catch (error) {
    closeSync(file)
    throw error
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

/** An end without a process that anybody saw: the supervisor that owned it died, or it could not be spawned. */
export const lostEnd = (
  attemptId: string,
  atMs: number,
  error: { code: string; message: string },
  cause: 'lost' | 'spawn' = 'lost',
): AttemptEnd => ({
  attemptId,
  cause,
  exitCode: null,
  signal: null,
  pid: null,
  startedAtMs: null,
  endedAtMs: atMs,
  usage: { wallMs: 0 },
  error,
  stdoutBytes: 0,
  stderrBytes: 0,
  stdoutTail: '',
  stderrTail: '',
})
