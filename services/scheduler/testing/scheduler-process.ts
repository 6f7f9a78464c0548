/** A scheduler as a process of its own, for tests that kill and pause it. What it logs is kept and can be waited for. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

export type LogLine = { msg: string; level: number; epoch?: number } & Record<string, unknown>

export class SchedulerProcess {
  readonly lines: LogLine[] = []
  readonly ready: Promise<Record<string, unknown>>
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()

  constructor(flags: { nats: string; data: string; id: string; namespace?: string }) {
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
    this.#child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, MILLRACE_LOG_LEVEL: 'debug' },
    })
    this.exited = new Promise((resolve) => this.#child.on('exit', resolve))
    this.ready = new Promise((resolve, reject) => {
      createInterface(this.#child.stdout!).once('line', (line) => resolve(JSON.parse(line)))
      this.exited.then((code) => reject(new Error(`exited with ${code}: ${JSON.stringify(this.lines.slice(-5))}`)))
    })
    this.ready.catch(() => {})
    createInterface(this.#child.stderr!).on('line', (line) => {
      try {
        this.lines.push(JSON.parse(line))
      } catch {
        this.lines.push({ msg: line, level: 60 })
      }
      for (const look of this.#waiting) look()
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The first log line (of those already written, or to come) that fits. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.lines.find(fits)
        if (!found) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
      void this.exited.then(() => {
        if (this.#waiting.has(look)) reject(new Error('the scheduler ended before it said so'))
      })
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
