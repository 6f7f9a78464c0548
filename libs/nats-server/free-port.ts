/**
 * Picks a TCP port for a server that must be able to come back on the same port.
 * Must never pick from the range the kernel gives to outgoing connections: while the server is down, a client that
 * keeps reconnecting could be given that very port, connect to itself (TCP simultaneous open) and block the restart.
 */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

const lowestPort = 15_000
const highestPort = 32_767
const triesMax = 200

/** A port on the loopback that nobody listens on at this moment. */
export async function pickFreePort(): Promise<number> {
  const end = Math.min(highestPort + 1, await firstOutgoingPort())
  // A machine may use nearly all ports for outgoing connections; then the risk above has to be borne.
  const [from, to] = end - lowestPort > triesMax ? [lowestPort, end] : [lowestPort, highestPort + 1]
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = randomInt(from, to)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port was found between ${from} and ${to}`)
}

async function firstOutgoingPort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '')
  return Number.parseInt(range, 10) || highestPort + 1
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
