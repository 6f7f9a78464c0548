/**
 * One service as a child process: started with its readiness line awaited, started again with back-off when it dies,
 * stopped within a bound. It has a session of its own, so that a terminal's Ctrl-C reaches `up` alone, and an IPC
 * channel, by whose end it notices that `up` is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { UserError } from '#runtime'

export type PartOptions = {
  name: string
  /** services/<service>/main */
  service: string
  args: () => string[]
  logFile: string
  say: (text: string) => void
  /** Called with the pid of each new life. */
  onStarted: (pid: number) => void
}

type Readiness = { ready: string; pid: number } & Record<string, unknown>
type Failure = { failed: { code: string; message: string; hint: string } }

const readyLimitMs = 60_000
const stopLimitMs = 20_000
const backoffMs = { first: 100, longest: 10_000, resetAfter: 30_000 }

export class Part {
  readonly #options: PartOptions
  #child: ChildProcess | null = null
  #exited: Promise<void> = Promise.resolve()
  #stopping = false
  #delayMs = backoffMs.first
  #restart: NodeJS.Timeout | null = null
  readiness: Readiness | null = null

  constructor(options: PartOptions) {
    this.#options = options
  }

  get pid(): number {
    return this.readiness?.pid ?? 0
  }

  /** Starts it the first time. Throws UserError with the service's own words when it can't start. */
  async start(): Promise<void> {
    await this.#launch()
  }

  /** TERM, and KILL after a while. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#restart) clearTimeout(this.#restart)
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    const limit = setTimeout(() => {
      this.#options.say(`${this.#options.name} did not stop in ${stopLimitMs / 1000} s and is killed`)
      child.kill('SIGKILL')
    }, stopLimitMs)
    await this.#exited
    clearTimeout(limit)
  }

  async #launch(): Promise<void> {
    const { name, service, args, logFile } = this.#options
    const log = openSync(logFile, 'a')
    const child = spawn(process.execPath, [...process.execArgv, mainOf(service), ...args()], {
      stdio: ['ignore', 'pipe', log, 'ipc'],
      detached: true,
    })
    closeSync(log)
    this.#child = child
    const startedAt = performance.now()
    this.#exited = new Promise((done) => child.once('exit', () => done()))
    let failure: Failure['failed'] | null = null
    child.on('message', (message) => {
      failure = (message as Partial<Failure>).failed ?? failure
    })
    child.on('error', () => {})
    this.readiness = await readinessOf(child, this.#exited).catch((error: Error) => {
      child.kill('SIGKILL')
      if (failure) throw new UserError(failure.code, failure.message, failure.hint, 4)
      throw new UserError('part-failed', `${name} did not start: ${error.message}`, `See ${logFile}.`, 1)
    })
    this.#options.onStarted(child.pid!)
    void this.#exited.then(() => this.#ended(child, performance.now() - startedAt))
  }

  #ended(child: ChildProcess, livedMs: number): void {
    if (this.#stopping) return
    if (livedMs > backoffMs.resetAfter) this.#delayMs = backoffMs.first
    this.#again(
      `${this.#options.name} (pid ${child.pid}) ended with ${child.signalCode ?? `exit code ${child.exitCode}`}`,
    )
  }

  #again(what: string): void {
    const delayMs = this.#delayMs
    this.#delayMs = Math.min(2 * delayMs, backoffMs.longest)
    this.#options.say(`${what}; starting it again in ${delayMs / 1000} s`)
    this.#restart = setTimeout(() => {
      this.#launch().then(
        () => {
          this.#options.say(`${this.#options.name} runs again (pid ${this.pid})`)
        },
        (error: Error) => {
          if (!this.#stopping) this.#again(error.message)
        },
      )
    }, delayMs)
  }
}

const readinessOf = (child: ChildProcess, exited: Promise<void>): Promise<Readiness> =>
  new Promise((done, fail) => {
    const limit = setTimeout(() => fail(new Error(`not ready in ${readyLimitMs / 1000} s`)), readyLimitMs)
    createInterface({ input: child.stdout! }).on('line', (line) => {
      clearTimeout(limit)
      try {
        done(JSON.parse(line) as Readiness)
      } catch {
        fail(new Error(`its first line is not JSON: ${line.slice(0, 200)}`))
      }
    })
    void exited.then(() => {
      clearTimeout(limit)
      fail(new Error(`it ended with ${child.signalCode ?? `exit code ${child.exitCode}`}`))
    })
  })

/** The main file of a service, in dist/ or, where this runs from its sources, beside them. */
const mainOf = (service: string): string => {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`../../${service}/main.${ending}`, import.meta.url))
}
