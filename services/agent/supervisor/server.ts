/** The supervisor's socket: one agent at a time, the newest counts. Whatever a client sends must never end the supervisor. */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import {
  encodeFrame,
  FrameReader,
  type FromSupervisor,
  inFrames,
  type SupervisorHello,
  type SupervisorReport,
  supervisorSocket,
  type ToSupervisor,
} from '#process'

/** An agent that reads nothing is cut off before it costs this much memory; it is told everything when it comes back. */
const unreadBytesMax = 16 * 1024 * 1024

export type ServerHandlers = {
  hello: () => SupervisorHello
  /** A new agent is there; `send` gives it reports. */
  onConnected: (send: (reports: readonly SupervisorReport[]) => void) => void
  onDisconnected: () => void
  onMessage: (message: ToSupervisor) => void
  onTrouble: (error: Error) => void
}

export class SupervisorServer {
  readonly #handlers: ServerHandlers
  readonly #server: Server
  #client: Socket | null = null
  #closeAddress: () => void = () => {}

  constructor(handlers: ServerHandlers) {
    this.#handlers = handlers
    this.#server = createServer((socket) => this.#accept(socket))
  }

  get connected(): boolean {
    return this.#client !== null
  }

  async listen(data: string): Promise<void> {
    const address = supervisorSocket(data)
    this.#closeAddress = address.close
    // Left by a killed supervisor: the lock says that nobody else listens there.
    rmSync(address.path, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(address.path, resolve)
    })
    chmodSync(address.path, 0o600)
  }

  send(message: FromSupervisor): void {
    this.#client?.write(encodeFrame(message))
  }

  async close(): Promise<void> {
    const client = this.#client
    const flushed = client && !client.destroyed ? new Promise<void>((resolve) => client.end(resolve)) : null
    await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, 500))])
    client?.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#closeAddress()
  }

  #accept(socket: Socket): void {
    this.#client?.destroy()
    this.#client = socket
    const frames = new FrameReader()
    socket.on('data', (chunk: Buffer) => {
      if (this.#client !== socket) return
      try {
        for (const message of frames.push(chunk)) this.#handlers.onMessage(message as ToSupervisor)
      } catch (error) {
        this.#handlers.onTrouble(error as Error)
        socket.destroy()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#client !== socket) return
      this.#client = null
      this.#handlers.onDisconnected()
    })
    this.send({ kind: 'hello', hello: this.#handlers.hello() })
    this.#handlers.onConnected((reports) => this.#report(reports))
  }

  #report(reports: readonly SupervisorReport[]): void {
    for (const group of inFrames(reports, (report) => (report.kind === 'ended' ? 12_000 : 100)))
      this.send({ kind: 'reports', reports: group })
    if (this.#client && this.#client.writableLength > unreadBytesMax) this.#client.destroy()
  }
}
