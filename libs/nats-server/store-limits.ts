/**
 * How much a server may store: sized by the disk and memory at hand at the first launch on a data folder, remembered in
 * it, and never smaller again.
 * Must never shrink: nats-server 2.10 leaves out, at start, every stream whose reserved bytes (max_bytes) no longer fit
 * below max_file_store (measured: "Error recreating stream: insufficient storage resources"), as if LOG were gone.
 */
import { readFile, rename, statfs, writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'

const mebibyte = 1024 ** 2
/** Part of the free disk a server may fill, so that the rest of the host keeps working. */
const shareOfFreeDisk = 0.8
const shareOfMemory = 0.05
const memoryStoreBytesMin = 64 * mebibyte
const memoryStoreBytesMax = 1024 * mebibyte
const memoryFile = 'millrace-store.json'

/** Bytes that JetStream may use. */
export interface StoreLimits {
  maxFileStoreBytes: number
  maxMemoryStoreBytes: number
}

/** What is remembered of a data folder between launches. */
export interface StoreMemory extends StoreLimits {
  /** The newest nats-server that has written to it. */
  serverVersion: string
}

/** The limits for what is at hand, not below what was promised to the same store before. */
export function sizeStore(
  atHand: { freeDiskBytes: number; totalMemoryBytes: number },
  before?: StoreLimits,
): StoreLimits {
  const wholeMebibytes = (bytes: number) => Math.max(1, Math.floor(bytes / mebibyte)) * mebibyte
  const file = wholeMebibytes(atHand.freeDiskBytes * shareOfFreeDisk)
  const memory = wholeMebibytes(atHand.totalMemoryBytes * shareOfMemory)
  const boundedMemory = Math.min(memoryStoreBytesMax, Math.max(memoryStoreBytesMin, memory))
  return {
    maxFileStoreBytes: Math.max(file, before?.maxFileStoreBytes ?? 0),
    maxMemoryStoreBytes: Math.max(boundedMemory, before?.maxMemoryStoreBytes ?? 0),
  }
}

/** Sizes the store in an existing folder of this machine. */
export async function sizeStoreOnDisk(dataDir: string, before?: StoreLimits): Promise<StoreLimits> {
  const { bavail, bsize } = await statfs(dataDir)
  return sizeStore({ freeDiskBytes: bavail * bsize, totalMemoryBytes: totalmem() }, before)
}

/** What was remembered of this folder; undefined for a new one, or when the file can't be read. */
export async function recallStore(dataDir: string): Promise<StoreMemory | undefined> {
  try {
    const memory = JSON.parse(await readFile(join(dataDir, memoryFile), 'utf8')) as StoreMemory
    const sound =
      memory.maxFileStoreBytes > 0 && memory.maxMemoryStoreBytes > 0 && typeof memory.serverVersion === 'string'
    return sound ? memory : undefined
  } catch {
    return undefined
  }
}

/** Remembers, in one rename. */
export async function rememberStore(dataDir: string, memory: StoreMemory): Promise<void> {
  const path = join(dataDir, memoryFile)
  await writeFile(`${path}.new`, `${JSON.stringify(memory)}\n`)
  await rename(`${path}.new`, path)
}
