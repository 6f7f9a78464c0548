/**
 * Puts the output of a job together from its two ways: chunks of MR_OUTPUT, and the tails inside `exited` (short output
 * travels only there). Gives each byte of each stream once and in order, attempt by attempt. Pure: no I/O, no clock.
 */
import type { OutputChunk } from '#eventlog'
import type { AttemptView } from '#schemas'
import type { OutputCursor, OutputPiece } from '../transport.ts'

type StreamName = OutputPiece['stream']
const streams = ['stdout', 'stderr'] as const
/** Chunks that arrived before the ones in front of them; more than this means that those never come. */
const aheadMax = 64

type StreamState = { delivered: number; ahead: Map<number, Uint8Array>; lastSeen: boolean }
const newState = (delivered = 0): StreamState => ({ delivered, ahead: new Map(), lastSeen: false })

export class OutputReader {
  /** The attempt that is being read. */
  attempt: number
  #state: Record<StreamName, StreamState>
  /** Chunks of later attempts, until the one before is complete. */
  #later: OutputChunk[] = []

  constructor(cursor: OutputCursor) {
    this.attempt = cursor.attempt
    this.#state = { stdout: newState(cursor.stdoutBytes), stderr: newState(cursor.stderrBytes) }
  }

  /** The number of the newest attempt that chunks were seen of. */
  get newestAttempt(): number {
    return this.#later.reduce((newest, chunk) => Math.max(newest, chunk.attempt), this.attempt)
  }

  /** Bytes of the present attempt given out so far. */
  delivered(stream: StreamName): number {
    return this.#state[stream].delivered
  }

  /** Takes a chunk; gives what can be read now. */
  add(chunk: OutputChunk): OutputPiece[] {
    if (chunk.attempt < this.attempt) return []
    if (chunk.attempt > this.attempt) {
      this.#later.push(chunk)
      return []
    }
    const stream: StreamName = chunk.stream === 'out' ? 'stdout' : 'stderr'
    const state = this.#state[stream]
    if (chunk.last) state.lastSeen = true
    if (chunk.bytes.length > 0 && chunk.offset + chunk.bytes.length > state.delivered) {
      state.ahead.set(chunk.offset, chunk.bytes)
    }
    return this.#drain(stream, state.ahead.size > aheadMax)
  }

  /**
   * Once an attempt has ended: gives what its tails add. `complete` is false while chunks in front of a tail are
   * still on their way; call again with `patient` false when they have not come in time.
   */
  settle(view: AttemptView, patient: boolean): { pieces: OutputPiece[]; complete: boolean } {
    const pieces: OutputPiece[] = []
    let complete = true
    for (const stream of streams) {
      const state = this.#state[stream]
      const total = stream === 'stdout' ? view.stdoutBytes : view.stderrBytes
      const tail = Buffer.from(stream === 'stdout' ? view.stdoutTail : view.stderrTail, 'base64')
      const tailStart = total - tail.length
      if (tail.length > 0 && total > state.delivered) state.ahead.set(tailStart, tail)
      // Nothing before this point is still to come: the agent said so, or we have waited long enough.
      pieces.push(...this.#drain(stream, state.lastSeen || !patient))
      if (state.delivered < total && patient && !state.lastSeen) complete = false
    }
    return { pieces, complete }
  }

  /** Goes on to a later attempt; gives what has come of it already. */
  next(attempt: number): OutputPiece[] {
    this.attempt = attempt
    this.#state = { stdout: newState(), stderr: newState() }
    const later = this.#later
    this.#later = []
    return later.flatMap((chunk) => this.add(chunk))
  }

  /** What follows on from what was delivered; with `overGaps` also what lies behind a hole, marked `missing`. */
  #drain(stream: StreamName, overGaps: boolean): OutputPiece[] {
    const state = this.#state[stream]
    const pieces: OutputPiece[] = []
    for (const [offset, bytes] of [...state.ahead].sort(([a], [b]) => a - b)) {
      const missing = offset - state.delivered
      if (missing > 0 && !overGaps) break
      state.ahead.delete(offset)
      const fresh = missing < 0 ? bytes.subarray(-missing) : bytes
      if (fresh.length === 0) continue
      const at = Math.max(offset, state.delivered)
      pieces.push({ attempt: this.attempt, stream, offset: at, bytes: fresh, ...(missing > 0 ? { missing } : {}) })
      state.delivered = at + fresh.length
    }
    return pieces
  }
}
