/** Streams an async iterable into an answer: keeps it alive while nothing happens, stops the source when the reader is gone. */
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

const keepAliveMs = 15_000

export type Streamed<T> = {
  contentType: string
  encode: (item: T) => string | Uint8Array
  /** Sent while nothing else is; null: nothing (the form has no room for it). */
  keepAlive: string | null
  /** The last words when the source fails. */
  encodeError: (error: unknown) => string | null
}

/** Aborts when the client goes away or the gateway stops. */
export const signalOfReply = (reply: FastifyReply, closing: AbortSignal): AbortSignal => {
  const over = new AbortController()
  const onClosing = () => over.abort(closing.reason)
  closing.addEventListener('abort', onClosing, { once: true })
  reply.raw.once('close', () => {
    closing.removeEventListener('abort', onClosing)
    over.abort()
  })
  if (closing.aborted) onClosing()
  return over.signal
}

/** Sends what comes. The status is 200 from the start: a failure afterwards is told in the stream's own form. */
export const stream = <T>(
  reply: FastifyReply,
  source: AsyncIterable<T>,
  form: Streamed<T>,
  signal: AbortSignal,
): FastifyReply => {
  const iterator = source[Symbol.asyncIterator]()
  const timer = setInterval(() => {
    if (form.keepAlive !== null && body.readableLength === 0) body.push(form.keepAlive)
  }, keepAliveMs)
  let reading = false
  const end = () => {
    clearInterval(timer)
    signal.removeEventListener('abort', onAbort)
  }
  const onAbort = () => body.destroy()
  const pump = async () => {
    try {
      for (;;) {
        const { done, value } = await iterator.next()
        if (body.destroyed) return
        if (done) {
          body.push(null)
          return
        }
        if (!body.push(form.encode(value))) return
      }
    } catch (error) {
      if (signal.aborted || body.destroyed) return void body.destroy()
      const words = form.encodeError(error)
      if (words !== null) body.push(words)
      body.push(null)
    }
  }
  const body = new Readable({
    highWaterMark: 256 * 1024,
    read() {
      if (reading) return
      reading = true
      void pump().finally(() => {
        reading = false
      })
    },
    destroy(error, callback) {
      end()
      void iterator.return?.()
      callback(error)
    },
  })
  body.on('end', end)
  signal.addEventListener('abort', onAbort, { once: true })
  return reply.type(form.contentType).header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(body)
}
