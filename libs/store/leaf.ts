/**
 * The hash of one LOG message: the leaf of the audit's Merkle tree (RFC 6962 §2.1: a leaf is hashed with a 0x00 before
 * it). Every field is length-prefixed, so that no two different messages have the same input.
 */
import { createHash } from 'node:crypto'

/** One message of LOG as the broker stored it. */
export type StoredMessage = {
  readonly subject: string
  readonly sequence: number
  readonly timeMs: number
  readonly id: string
  readonly bytes: Uint8Array
}

/** SHA-256(0x00 ‖ u64 sequence ‖ u64 timeMs ‖ u32 length ‖ subject ‖ u32 length ‖ id ‖ bytes), big-endian; 32 bytes. */
export const leafHash = ({ subject, sequence, timeMs, id, bytes }: StoredMessage): Buffer => {
  const subjectBytes = Buffer.byteLength(subject)
  const idBytes = Buffer.byteLength(id)
  const head = Buffer.allocUnsafe(25 + subjectBytes + idBytes)
  head[0] = 0
  head.writeBigUInt64BE(BigInt(sequence), 1)
  head.writeBigUInt64BE(BigInt(timeMs), 9)
  head.writeUInt32BE(subjectBytes, 17)
  head.write(subject, 21)
  head.writeUInt32BE(idBytes, 21 + subjectBytes)
  head.write(id, 25 + subjectBytes)
  return createHash('sha256').update(head).update(bytes).digest()
}
