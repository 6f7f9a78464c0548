/** Writes pieces of a job's output where they belong: byte for byte, stdout to stdout, stderr to stderr. */
import type { OutputPiece } from '#client'
import type { Session } from '../terminal.ts'

export type OutputForm = {
  /** This stream only, and then to stdout. */
  only?: OutputPiece['stream']
}

export const writePiece = (session: Session, piece: OutputPiece, form: OutputForm = {}): void => {
  if (form.only !== undefined && piece.stream !== form.only) return
  const { bytes, ...rest } = piece
  if (session.json) {
    session.document({ ...rest, data: Buffer.from(bytes).toString('base64') })
    return
  }
  if (piece.missing)
    session.note(`${piece.missing} bytes of ${piece.stream} were not shipped; they are on the host only`)
  const target =
    piece.stream === 'stderr' && form.only === undefined ? session.terminal.stderr : session.terminal.stdout
  target.write(bytes)
}

/** Only the last lines of each stream: pieces in, pieces out. What is kept is cut at a line's begin. */
export const lastLines = (pieces: readonly OutputPiece[], lines: number): OutputPiece[] => {
  const left: Record<OutputPiece['stream'], number> = { stdout: lines, stderr: lines }
  const first: Record<OutputPiece['stream'], boolean> = { stdout: true, stderr: true }
  const kept: OutputPiece[] = []
  for (const piece of pieces.toReversed()) {
    const { stream } = piece
    if (left[stream] <= 0) continue
    const bytes = Buffer.from(piece.bytes)
    let from = bytes.length
    // The line end at the very end closes the last line; it does not begin another one.
    if (first[stream] && bytes.at(-1) === 10) from--
    first[stream] = false
    while (left[stream] > 0) {
      const at = from === 0 ? -1 : bytes.lastIndexOf(10, from - 1)
      from = at + 1
      if (at < 0) break
      left[stream]--
      if (left[stream] > 0) from = at
    }
    const start = left[stream] === 0 ? from : 0
    const { missing: _, ...rest } = piece
    kept.push({ ...rest, offset: piece.offset + start, bytes: bytes.subarray(start) })
  }
  return kept.reverse()
}
