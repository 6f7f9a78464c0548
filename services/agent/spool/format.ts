/**
 * Bytes of the spool: a magic, then records, each with its length and CRC-32. A facts record holds the published bytes
 * as they are. Reading takes any bytes: a torn tail ends the list, a damaged record in the middle is passed over.
 */
import { crc32 } from 'node:zlib'
import type { SpoolRecord } from '../brain/index.ts'

export const spoolMagic = Buffer.from('MRSPOOL1')

const headBytes = 8
/** Far above a commit of 256 KiB: a longer length is no length. */
const recordBytesMax = 16 * 1024 * 1024
const kinds = { json: 0, facts: 1 } as const

export const encodeRecord = (record: SpoolRecord): Buffer => {
  const body =
    record.t === 'facts'
      ? Buffer.concat([
          Buffer.from([kinds.facts]),
          uint16(Buffer.byteLength(record.id)),
          Buffer.from(record.id),
          record.bytes,
        ])
      : Buffer.concat([Buffer.from([kinds.json]), Buffer.from(JSON.stringify(record))])
  const framed = Buffer.allocUnsafe(headBytes + body.length)
  framed.writeUInt32LE(body.length, 0)
  framed.writeUInt32LE(crc32(body), 4)
  body.copy(framed, headBytes)
  return framed
}

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16LE(value)
  return bytes
}

export type SpoolContent = {
  records: SpoolRecord[]
  /** Length of the part that holds whole records: what follows is a torn tail. */
  goodBytes: number
  tornBytes: number
  /** Records that did not pass their checksum. */
  damaged: number
}

export const decodeSpool = (bytes: Buffer): SpoolContent => {
  const content: SpoolContent = { records: [], goodBytes: 0, tornBytes: bytes.length, damaged: 0 }
  if (!bytes.subarray(0, spoolMagic.length).equals(spoolMagic)) return content
  let at = spoolMagic.length
  content.goodBytes = at
  while (at + headBytes < bytes.length) {
    const length = bytes.readUInt32LE(at)
    const end = at + headBytes + length
    if (length === 0 || length > recordBytesMax || end > bytes.length) break
    const body = bytes.subarray(at + headBytes, end)
    const record = crc32(body) === bytes.readUInt32LE(at + 4) ? decodeBody(body) : null
    at = end
    if (!record) {
      content.damaged++
      continue
    }
    content.records.push(record)
    content.goodBytes = end
  }
  content.tornBytes = bytes.length - content.goodBytes
  return content
}

const decodeBody = (body: Buffer): SpoolRecord | null => {
  try {
    if (body[0] === kinds.facts) {
      const idBytes = body.readUInt16LE(1)
      const id = body.toString('utf8', 3, 3 + idBytes)
      return { t: 'facts', id, bytes: new Uint8Array(body.subarray(3 + idBytes)) }
    }
    return body[0] === kinds.json ? (JSON.parse(body.toString('utf8', 1)) as SpoolRecord) : null
  } catch {
    return null
  }
}
