/**
 * Framing on the supervisor's socket: one JSON document a line. JSON escapes line breaks, so a line feed byte always
 * ends a frame. Must never buffer without bound: a longer frame is an error of the peer.
 */

/** 64 MiB: above what a peer sends (frames are split near 1 MiB), below what would hurt. */
const frameBytesMax = 64 * 1024 * 1024

export const encodeFrame = (message: unknown): string => `${JSON.stringify(message)}\n`

/** Gives back whole messages of a stream of chunks. Throws SyntaxError on bad JSON, RangeError on an endless frame. */
export class FrameReader {
  #parts: Buffer[] = []
  #bytes = 0

  push(chunk: Buffer): unknown[] {
    const messages: unknown[] = []
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#parts.push(chunk.subarray(from, end))
      const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
      this.#parts = []
      this.#bytes = 0
      messages.push(JSON.parse(line.toString('utf8')))
      from = end + 1
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.subarray(from))
      this.#bytes += chunk.length - from
      if (this.#bytes > frameBytesMax) throw new RangeError(`A frame is longer than ${frameBytesMax} bytes.`)
    }
    return messages
  }
}

/** Splits a list so that no frame gets much longer than 1 MiB, by a rough size of each item. */
export const inFrames = <T>(items: readonly T[], roughBytes: (item: T) => number): T[][] => {
  const groups: T[][] = []
  let group: T[] = []
  let bytes = 0
  for (const item of items) {
    group.push(item)
    bytes += roughBytes(item)
    if (bytes < 1024 * 1024) continue
    groups.push(group)
    group = []
    bytes = 0
  }
  if (group.length > 0) groups.push(group)
  return groups
}
