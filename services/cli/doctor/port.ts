/** Whether a port can be listened on: tries it for a moment. */
import { createServer } from 'node:net'

export const portState = (host: string, port: number): Promise<'free' | 'taken' | 'unusable'> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE' ? 'taken' : 'unusable'))
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port, exclusive: true }, () =>
      server.close(() => resolve('free')),
    )
  })
