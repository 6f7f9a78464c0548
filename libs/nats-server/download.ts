/**
 * Fetches one file over HTTP(S) and says what its SHA-256 is.
 * Must never wait for long on silence: a machine without a way out has to fall through to the next source quickly.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/** No nats-server archive is near this; a larger answer is not one. */
const sizeBytesMax = 200 * 1024 * 1024

/**
 * Downloads `url` to the file `target`, and returns its SHA-256 in hex.
 * @throws Error with a sentence when the answer isn't 200, is too large, or `silenceMs` pass without a byte.
 */
export async function downloadFile(url: string, target: string, silenceMs: number): Promise<string> {
  const silence = new AbortController()
  const arm = () => setTimeout(() => silence.abort(), silenceMs)
  let timer = arm()
  try {
    const response = await fetch(url, { signal: silence.signal, redirect: 'follow' })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Error(`${url} answered ${response.status}`)
    }
    const digest = createHash('sha256')
    const file = await open(target, 'w')
    try {
      let sizeBytes = 0
      for await (const chunk of response.body) {
        clearTimeout(timer)
        timer = arm()
        sizeBytes += chunk.byteLength
        if (sizeBytes > sizeBytesMax) throw new Error(`${url} is larger than ${sizeBytesMax} bytes`)
        digest.update(chunk)
        await file.write(chunk)
      }
    } finally {
      await file.close()
    }
    return digest.digest('hex')
  } catch (error) {
    if (silence.signal.aborted) throw new Error(`${url} was silent for ${silenceMs} ms`, { cause: error })
    throw explained(url, error)
  } finally {
    clearTimeout(timer)
  }
}

/** fetch hides the reason (ENOTFOUND, ECONNREFUSED …) in the cause of "fetch failed". */
function explained(url: string, error: unknown): Error {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
  if (cause?.code !== undefined)
    return new Error(`${new URL(url).host} can't be reached (${cause.code})`, { cause: error })
  return error instanceof Error ? error : new Error(String(error))
}
