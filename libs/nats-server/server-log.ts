/**
 * Reads a server's log to say why it left.
 * Must never be used to learn that a server is ready: that is readiness.ts.
 */
import { open } from 'node:fs/promises'
import type { LaunchFault } from './errors.ts'

const tailBytes = 8 * 1024
const tailLines = 15

/** The last lines of a log, from byte `from` on; empty when there is no log. */
export async function readLogTail(path: string, from = 0): Promise<string> {
  const file = await open(path).catch(() => undefined)
  if (file === undefined) return ''
  try {
    const { size } = await file.stat()
    // Smaller than `from`: it has been rotated since.
    const start = Math.max(size < from ? 0 : from, size - tailBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(1, size - start)), 0, size - start, start)
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-tailLines).join('\n')
  } finally {
    await file.close()
  }
}

/** What the last lines of a server that left by itself mean, and what to do about it. */
export function explainExit(tail: string): { code: LaunchFault; sentence: string } {
  if (/address already in use/.test(tail)) {
    return { code: 'port-taken', sentence: 'its port is taken. Choose another port, or stop what listens there' }
  }
  if (/^nats-server: /m.test(tail)) {
    return { code: 'config-rejected', sentence: 'it does not accept its configuration. Mend the line it names' }
  }
  if (/\[FTL\] .*(JetStream|storage|store)/i.test(tail)) {
    return {
      code: 'store-unusable',
      sentence: 'its store can not be used. Check the data folder, its owner and its disk',
    }
  }
  return { code: 'exited-early', sentence: 'it left while starting. Its last lines say why' }
}
