/**
 * The form of a snapshot: gzip over lines of JSON. The first line says what it is a snapshot of, with the SHA-256 of
 * the rest; the rest is the cluster, one `[key, value]` a line, long lists in slices, so that no string gets as long
 * as V8 can't hold and the event loop comes to breathe between slices.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, gunzip, gzip } from 'node:zlib'
import { type Cluster, restoreCluster, snapshotOf } from '#domain'

export const envelopeFormat = 1

export type SnapshotHeader = {
  format: typeof envelopeFormat
  /** Creation of the log it was folded from (`LogInfo.createdMs`): another one means another log. */
  logCreatedMs: number
  /** Last message folded, with its id and broker time: what the log must hold at that sequence. */
  sequence: number
  lastId: string
  lastTimeMs: number
  /** Host → sequence from which its consumer starts. */
  consumerFrom: [string, number][]
  sha256: string
}

const sliceLength = 2_000
const compress = promisify(gzip)
const decompress = promisify(gunzip)

/** The lines of a cluster, one at a time: the cluster must not change before the last one was taken. */
function* linesOf(cluster: Cluster): Generator<Buffer> {
  for (const [key, value] of Object.entries(snapshotOf(cluster))) {
    if (!Array.isArray(value)) yield Buffer.from(`${JSON.stringify([key, value])}\n`)
    else if (value.length === 0) yield Buffer.from(`${JSON.stringify([key, []])}\n`)
    else {
      for (let from = 0; from < value.length; from += sliceLength)
        yield Buffer.from(`${JSON.stringify([key, value.slice(from, from + sliceLength)])}\n`)
    }
  }
}

const hashOf = (lines: Iterable<Uint8Array>): string => {
  const hash = createHash('sha256')
  for (const line of lines) hash.update(line)
  return hash.digest('hex')
}

/** SHA-256 over a cluster's snapshot: equal for equal clusters. */
export const clusterHash = (cluster: Cluster): string => hashOf(linesOf(cluster))

/** Takes the lines; gives way to timers between slices. The caller keeps the cluster from changing until it resolves. */
export const takeLines = async (cluster: Cluster): Promise<Buffer[]> => {
  const lines: Buffer[] = []
  let sinceBytes = 0
  for (const line of linesOf(cluster)) {
    lines.push(line)
    sinceBytes += line.length
    if (sinceBytes < 1_000_000) continue
    sinceBytes = 0
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return lines
}

/** Compressed on libuv's threads, not on the event loop. */
export const encodeSnapshot = async (
  header: Omit<SnapshotHeader, 'format' | 'sha256'>,
  lines: readonly Uint8Array[],
): Promise<Uint8Array> => {
  const first: SnapshotHeader = { format: envelopeFormat, ...header, sha256: hashOf(lines) }
  return compress(Buffer.concat([Buffer.from(`${JSON.stringify(first)}\n`), ...lines]), {
    level: constants.Z_BEST_SPEED,
  })
}

/** Header and a way to the cluster. Throws on anything that is not a sound snapshot of a format known here. */
export const decodeSnapshot = async (
  bytes: Uint8Array,
): Promise<{ header: SnapshotHeader; restore: () => Cluster }> => {
  const all = await decompress(bytes)
  const headerEnd = all.indexOf(10)
  if (headerEnd < 0) throw new RangeError('it has no header')
  const header = JSON.parse(all.toString('utf8', 0, headerEnd)) as SnapshotHeader
  if (header?.format !== envelopeFormat) throw new RangeError(`its format is ${String(header?.format)}`)
  const body = all.subarray(headerEnd + 1)
  if (hashOf([body]) !== header.sha256) throw new RangeError('its hash does not fit')
  return { header, restore: () => restoreCluster(parseLines(body)) }
}

const parseLines = (body: Buffer): Record<string, unknown> => {
  const value: Record<string, unknown> = {}
  for (let from = 0; from < body.length; ) {
    const end = body.indexOf(10, from)
    const [key, part] = JSON.parse(body.toString('utf8', from, end)) as [string, unknown]
    const before = value[key]
    if (Array.isArray(before)) for (const item of part as unknown[]) before.push(item)
    else value[key] = part
    from = end + 1
  }
  return value
}
