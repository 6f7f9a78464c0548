/** For tests: a TCP proxy before a server, that can hold back what the server says, fall silent, or cut connections. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type Proxy = {
  readonly url: string
  /** From now on nothing that the server says arrives; what clients say still does. */
  holdAnswers(): void
  /** Ends all present connections. Later ones are whole again. */
  cut(): void
  /** Present connections stay open but carry nothing any more, in either direction; later ones are whole. */
  blackHole(): void
  [Symbol.asyncDispose](): Promise<void>
}

export const proxyBefore = async (port: number): Promise<Proxy> => {
  type Pair = { client: Socket; server: Socket; up: boolean; down: boolean }
  const pairs = new Set<Pair>()
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    const pair: Pair = { client, server, up: true, down: true }
    pairs.add(pair)
    const gone = () => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    client.on('data', (bytes) => pair.up && server.write(bytes))
    server.on('data', (bytes) => pair.down && client.write(bytes))
    for (const socket of [client, server]) socket.on('close', gone).on('error', gone)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const { client } of pairs) client.destroy()
  }
  return {
    url: `nats://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    holdAnswers() {
      for (const pair of pairs) pair.down = false
    },
    cut,
    blackHole() {
      for (const pair of pairs) pair.up = pair.down = false
    },
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
