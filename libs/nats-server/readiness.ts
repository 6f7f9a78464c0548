/**
 * Waits until a nats-server that was just started is ready: it has written its ports file, which it does when it
 * listens and JetStream has recovered, and greets with INFO.
 * Must never connect before the ports file is there: the port may belong to somebody else.
 */
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const pauseMs = 10
const greetingLimitMs = 5_000

/** The addresses in a ports file. */
export interface ServerPorts {
  url: string
  port: number
  monitorUrl?: string
}

/** Waits for a ports file in `folder`, which has to be empty before the server is started. Ends by `signal` only. */
export async function awaitPortsFile(folder: string, signal: AbortSignal): Promise<ServerPorts> {
  for (;;) {
    signal.throwIfAborted()
    const ports = await readPortsFile(folder)
    if (ports !== undefined) return ports
    await delay(pauseMs, undefined, { signal })
  }
}

/** The server writes it in place, so it may be seen half-written: that counts as not there yet. */
async function readPortsFile(folder: string): Promise<ServerPorts | undefined> {
  const name = (await readdir(folder)).find((file) => file.endsWith('.ports'))
  if (name === undefined) return undefined
  try {
    const ports = JSON.parse(await readFile(join(folder, name), 'utf8')) as { nats: string[]; monitoring?: string[] }
    const url = ports.nats[0]!
    const monitorUrl = ports.monitoring?.[0]
    return { url, port: Number(new URL(url).port), ...(monitorUrl === undefined ? {} : { monitorUrl }) }
  } catch {
    return undefined
  }
}

/** The fields of INFO that matter here; see the NATS client protocol. */
export interface ServerGreeting {
  server_id: string
  server_name: string
  version: string
  jetstream?: boolean
}

/** Connects and returns the server's INFO. */
export function readGreeting(host: string, port: number): Promise<ServerGreeting> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let text = ''
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(greetingLimitMs, () => fail(new Error(`no INFO within ${greetingLimitMs} ms`)))
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the connection was closed before INFO')))
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const match = /^INFO (\{.*\})\s*\r\n/.exec(text)
      if (!match) return
      resolve(JSON.parse(match[1]!) as ServerGreeting)
      socket.destroy()
    })
  })
}
