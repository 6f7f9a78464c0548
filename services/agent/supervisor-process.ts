/**
 * The agent's care for its supervisor's process: connect to the one that runs, or start one. It is started in a session
 * of its own and outlives the agent. Must never end one that works.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { connectSupervisor, type Supervisor, type SupervisorEvents } from '#process'
import { UserError } from '#runtime'
import { argumentsOf, type SupervisorSettings } from './supervisor/options.ts'

/** A cold start from TypeScript on a busy machine takes seconds; a built one 60 ms. */
const startLimitMs = 30_000
const logBytesMax = 4 * 1024 * 1024

/** How Node runs a script of this repo: as it is when built, through tsx when this very file is TypeScript. */
export const nodeArguments = (script: URL): string[] => {
  const path = fileURLToPath(script)
  if (!path.endsWith('.ts')) return [path]
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--conditions=source', '--import', tsx, path]
}

/** The extension of this file decides: `.ts` in the source tree, `.js` in dist. */
export const supervisorScript = (): URL =>
  new URL(import.meta.url.endsWith('.ts') ? './supervisor/main.ts' : './supervisor/main.js', import.meta.url)

/** Connects to the supervisor of this folder, starting one when none answers. Throws UserError when it does not come up. */
export const reachSupervisor = async (
  data: string,
  settings: SupervisorSettings,
  events: SupervisorEvents,
): Promise<Supervisor> => {
  const connected = await tryConnect(data, events)
  if (connected) return connected
  const started = startSupervisor(data, settings)
  const limit = performance.now() + startLimitMs
  for (;;) {
    const supervisor = await tryConnect(data, events)
    if (supervisor) return supervisor
    // It may have met another one that was just starting: that one will answer.
    if ((started.exited && started.exitCode !== 4) || performance.now() > limit) {
      throw new UserError(
        'supervisor-failed',
        `The supervisor did not come up (exit code ${started.exitCode}).`,
        `Its log is ${join(data, 'supervisor.log')}.`,
      )
    }
    await delay(10)
  }
}

const tryConnect = async (data: string, events: SupervisorEvents): Promise<Supervisor | null> => {
  try {
    return await connectSupervisor(data, events)
  } catch {
    return null
  }
}

/** Each thread costs 10 µs a spawn: the kernel moves them all into the child's cgroup and back. Its heap is small anyway. */
const fewThreads = ['--v8-pool-size=1', '--single-threaded-gc']

type Started = { exited: boolean; exitCode: number | null }

const startSupervisor = (data: string, settings: SupervisorSettings): Started => {
  const path = join(data, 'supervisor.log')
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logBytesMax) renameSync(path, `${path}.old`)
  const log = openSync(path, 'a', 0o600)
  const started: Started = { exited: false, exitCode: null }
  try {
    const args = [...fewThreads, ...nodeArguments(supervisorScript()), ...argumentsOf(data, settings)]
    const child = spawn(
      process.execPath,
      [...process.execArgv.filter((flag) => !flag.startsWith('--cpu-prof')), ...args],
      {
        detached: true,
        stdio: ['ignore', log, log],
        cwd: '/',
        env: { ...process.env, UV_THREADPOOL_SIZE: '2' },
      },
    )
    child.once('exit', (code) => Object.assign(started, { exited: true, exitCode: code }))
    child.once('error', () => Object.assign(started, { exited: true }))
    child.unref()
  } finally {
    closeSync(log)
  }
  return started
}
