/**
 * A whole Millrace on this machine for end-to-end tests: `millrace up --json` from dist/, in a temp folder, on free
 * ports. Disposing stops it as Ctrl-C does and fails when a process of it is left.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { isRunning, readProcessStat } from '#process'

export const cliPath = resolve('dist/services/cli/main.js')

export type Ready = {
  ready: true
  url: string
  nats: string
  dashboard: string | null
  pids: {
    nats: number
    scheduler: number
    archive: number
    gateway: number
    agents: Record<string, { agent: number; supervisor: number }>
  }
}

export type Up = {
  ready: Ready
  dataDir: string
  process: ChildProcess
  /** What `up` printed on stderr so far. */
  stderr: () => string
  /** Stops it with a signal and waits; gives the exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>
  /** Runs the command line against it. */
  cli: (
    args: string[],
    options?: { input?: string; reject?: boolean },
  ) => Promise<{ exitCode: number; stdout: string; stderr: string }>
  json: (args: string[]) => Promise<any>
  [Symbol.asyncDispose]: () => Promise<void>
}

const readyLimitMs = 90_000

/** Starts it and waits for its readiness line. `dataDir`: an existing folder to start again on; it is kept then. */
export const startUp = async (
  options: { dataDir?: string; args?: string[]; env?: Record<string, string> } = {},
): Promise<Up> => {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'millrace-up-'))
  const args = [cliPath, 'up', '--json', '--data', dataDir, '--port', '0', ...(options.args ?? [])]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)))
  const ready = await readyLine(child, exited, () => stderr)
  const cli: Up['cli'] = async (cliArgs, { input, reject = false } = {}) => {
    const run = await execa(process.execPath, [cliPath, ...cliArgs], {
      reject,
      env: { MILLRACE_URL: ready.url },
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
      stripFinalNewline: false,
    })
    return { exitCode: run.exitCode ?? -1, stdout: run.stdout, stderr: run.stderr }
  }
  const stop: Up['stop'] = async (signal = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return exited
  }
  return {
    ready,
    dataDir,
    process: child,
    stderr: () => stderr,
    stop,
    cli,
    json: async (cliArgs) => {
      const { stdout, stderr: problem, exitCode } = await cli([...cliArgs, '--json'])
      if (stdout === '') throw new Error(`millrace ${cliArgs.join(' ')} printed nothing (exit ${exitCode}): ${problem}`)
      return JSON.parse(stdout)
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
      const left = processesOf(dataDir)
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
      if (left.length > 0) throw new Error(`Processes were left behind: ${JSON.stringify(left)}\n${stderr}`)
    },
  }
}

const readyLine = (child: ChildProcess, exited: Promise<number | null>, stderr: () => string): Promise<Ready> =>
  new Promise((done, fail) => {
    const limit = setTimeout(
      () => fail(new Error(`up was not ready in ${readyLimitMs} ms:\n${stderr()}`)),
      readyLimitMs,
    )
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const value = JSON.parse(line) as Ready
      if (value.ready !== true) return
      clearTimeout(limit)
      done(value)
    })
    void exited.then((code) => {
      clearTimeout(limit)
      fail(new Error(`up ended with ${code} before it was ready:\n${stderr()}`))
    })
  })

/** Every live process whose command line or environment names this folder (zombies don't count). */
export const processesOf = (folder: string): { pid: number; command: string }[] => {
  const found: { pid: number; command: string }[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) continue
    try {
      if (!isRunning(readProcessStat(Number(name)))) continue
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8')
      if (command.includes(folder) || environment.includes(folder)) found.push({ pid: Number(name), command })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}
