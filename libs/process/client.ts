/**
 * The agent's end of the supervisor's socket. One object is one connection: when it breaks, `onClosed` is called once
 * and a new one has to be made. What is sent meanwhile is lost; the agent sends again what `hello` lacks.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Resources } from '#schemas'
import { supervisorSocket } from './folders.ts'
import { encodeFrame, FrameReader, inFrames } from './frames.ts'
import type { FromSupervisor, ToSupervisor } from './messages.ts'
import type { StartRequest, Supervisor, SupervisorEvents, SupervisorHello } from './port.ts'
import { isSameProcess, readProcessStat } from './proc.ts'

const helloLimitMs = 10_000
/** A killed process closes its sockets a moment before it is gone. */
const deathLimitMs = 1_000
/** Reports of a shutdown take the kill ladder (5 s of grace, 2 s of proof) and a round through the log. */
const shutdownLimitMs = 15_000

/** Connects to the supervisor of a data folder. Rejects when none listens there (ENOENT, ECONNREFUSED) or it says nothing. */
export const connectSupervisor = async (data: string, events: SupervisorEvents): Promise<Supervisor> => {
  const address = supervisorSocket(data)
  const socket = connect(address.path)
  socket.once('close', address.close)
  const connection = new Connection(socket, events)
  await connection.ready
  return connection
}

class Connection implements Supervisor {
  readonly ready: Promise<void>
  readonly #socket: Socket
  readonly #events: SupervisorEvents
  readonly #frames = new FrameReader()
  #hello: SupervisorHello | null = null
  #startTicks = 0
  #said: (() => void) | null = null
  #answered: (() => void) | null = null
  #closing = false

  constructor(socket: Socket, events: SupervisorEvents) {
    this.#socket = socket
    this.#events = events
    this.ready = new Promise((resolve, reject) => {
      const limit = setTimeout(() => socket.destroy(new Error('The supervisor said nothing.')), helloLimitMs)
      this.#said = () => {
        clearTimeout(limit)
        resolve()
      }
      socket.once('error', reject)
      socket.once('close', () => {
        clearTimeout(limit)
        reject(new Error('The supervisor closed the connection before it said anything.'))
      })
    })
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('close', () => void this.#closed())
  }

  get hello(): SupervisorHello {
    return this.#hello!
  }

  start(requests: readonly StartRequest[]): void {
    for (const group of inFrames(requests, roughBytes)) this.#send({ kind: 'start', requests: group })
  }

  stop(attemptId: string, graceMs: number): void {
    this.#send({ kind: 'stop', attemptId, graceMs })
  }

  forget(attemptIds: readonly string[]): void {
    if (attemptIds.length > 0) this.#send({ kind: 'forget', attemptIds })
  }

  setCapacity(capacity: Resources): void {
    this.#send({ kind: 'capacity', capacity })
  }

  async shutdown(killAll: boolean): Promise<void> {
    if (this.#socket.destroyed) return
    const stop = new AbortController()
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve
      this.#socket.once('close', () => resolve())
    })
    this.#send({ kind: 'shutdown', killAll })
    await Promise.race([answered, delay(shutdownLimitMs, undefined, { signal: stop.signal }).catch(() => {})])
    stop.abort()
  }

  close(): void {
    this.#closing = true
    // What was written still has to get out (a last forget); then this side is done.
    this.#socket.end()
    this.#socket.unref()
  }

  #send(message: ToSupervisor): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(encodeFrame(message))
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#frames.push(chunk)) this.#take(message as FromSupervisor)
    } catch (error) {
      this.#socket.destroy(error as Error)
    }
  }

  #take(message: FromSupervisor): void {
    switch (message.kind) {
      case 'hello':
        this.#hello = message.hello
        this.#startTicks = readProcessStat(message.hello.pid)?.startTicks ?? 0
        this.#said?.()
        return
      case 'reports':
        if (!this.#closing) this.#events.onReports(message.reports)
        return
      case 'bye':
      case 'staying':
        this.#answered?.()
    }
  }

  async #closed(): Promise<void> {
    if (!this.#hello || this.#closing) return
    const { pid } = this.#hello
    const limit = performance.now() + deathLimitMs
    while (isSameProcess(pid, this.#startTicks) && performance.now() < limit) await delay(5)
    this.#events.onClosed(!isSameProcess(pid, this.#startTicks))
  }
}

const roughBytes = (request: StartRequest): number => {
  let bytes = 256 + (request.stdin?.length ?? 0)
  for (const argument of request.command) bytes += argument.length
  for (const name in request.env) bytes += name.length + request.env[name]!.length
  return bytes
}
