/** An archive as a process of its own, for tests that kill it. What it logs is kept and can be waited for. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL(import.meta.url.endsWith('.js') ? '../main.js' : '../main.ts', import.meta.url))
const loader = main.endsWith('.ts') ? ['--conditions=source', '--import', 'tsx'] : []

export type LogLine = { msg: string; level: number; code?: string; hint?: string } & Record<string, unknown>

export class ArchiveProcess {
  readonly lines: LogLine[] = []
  /** The readiness line; rejects when it ends before. */
  readonly ready: Promise<Record<string, unknown>>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #child: ChildProcess
  readonly #looking = new Set<() => void>()

  constructor(flags: { nats: string; data: string; namespace?: string }) {
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
    this.#child = spawn(process.execPath, [...loader, main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, MILLRACE_LOG_LEVEL: 'info' },
    })
    this.exited = new Promise((resolve) => this.#child.on('close', (code, signal) => resolve({ code, signal })))
    this.ready = new Promise((resolve, reject) => {
      createInterface(this.#child.stdout!).once('line', (line) => resolve(JSON.parse(line)))
      void this.exited.then((end) =>
        reject(new Error(`ended: ${JSON.stringify({ end, lines: this.lines.slice(-3) })}`)),
      )
    })
    this.ready.catch(() => {})
    createInterface(this.#child.stderr!).on('line', (line) => {
      this.lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line, level: 60 })
      for (const look of this.#looking) look()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The first log line, of those written or to come, that fits. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.lines.find(fits)
        if (!found) return
        this.#looking.delete(look)
        resolve(found)
      }
      this.#looking.add(look)
      look()
      void this.exited.then(() => this.#looking.has(look) && reject(new Error(JSON.stringify(this.lines.slice(-3)))))
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Ends it for good, whatever its state. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.exited
  }
}
