/** A real supervisor process on a temporary folder, for tests. Ends what it started, and only that. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, readProcessStat, type Supervisor, type SupervisorEvents } from '#process'
import type { Resources } from '#schemas'
import { capacityOf, type Program, type SupervisorCell } from '../../../libs/process/contract.testing.ts'
import { until as untilTrue } from '../../../test/support/until.ts'
import { reachSupervisor } from '../supervisor-process.ts'

export type RealCell = SupervisorCell & {
  data: string
  containment: 'best' | 'process-group'
  pid(): number
  log(): string
}

export type RealCellOptions = {
  capacity?: Resources
  containment?: 'best' | 'process-group'
  idleExitMs?: number
  /** Makes the folder's path longer than a socket's address may be. */
  longPath?: boolean
  /** Folder to make the cell's folder in. Default: the system's for temporary files. */
  within?: string
}

/** Shell text for each program of the contract. */
const shellOf = (program: Program): string => {
  switch (program.does) {
    case 'exit':
      return `printf %s '${program.stdout ?? ''}'; exit ${program.code}`
    case 'sleep':
      return 'exec sleep 1000'
    case 'ignore-term':
      return "trap '' TERM; while :; do sleep 1000; done"
    case 'die':
      return `kill -${program.signal.slice(3)} $$`
    case 'not-exist':
      return ''
  }
}

export const until = async (holds: () => boolean, limitMs = 60_000): Promise<void> => {
  await untilTrue('what the test waits for', holds, limitMs)
}

export const realCell = async (options: RealCellOptions = {}): Promise<RealCell> => {
  const base = realpathSync(mkdtempSync(join(options.within ?? tmpdir(), 'millrace-supervisor-')))
  const data = options.longPath ? join(base, 'x'.repeat(120)) : base
  mkdirSync(data, { recursive: true })
  const containment = options.containment ?? 'best'
  const settings = {
    version: 'test',
    capacity: options.capacity ?? capacityOf(4),
    tailBytes: 4096,
    killVerifyMs: 2_000,
    containment,
    idleExitMs: options.idleExitMs ?? 60_000,
  }
  const open: Supervisor[] = []
  let pid = 0
  const connect = async (events: SupervisorEvents): Promise<Supervisor> => {
    const supervisor = await reachSupervisor(data, settings, events)
    pid = supervisor.hello.pid
    open.push(supervisor)
    return supervisor
  }
  await connect({ onReports: () => {}, onClosed: () => {} })
  return {
    data,
    containment,
    connect,
    pid: () => pid,
    log: () => readFileSync(join(data, 'supervisor.log'), 'utf8'),
    commandFor: (program) =>
      program.does === 'not-exist' ? ['/no/such/program'] : ['/bin/sh', '-c', shellOf(program)],
    until,
    kill: async () => {
      process.kill(pid, 'SIGKILL')
      await until(() => !isRunning(readProcessStat(pid)))
    },
    // The next connect starts one.
    restart: async () => {},
    dispose: async () => {
      // Nobody stays to take the last reports, so it leaves as soon as nothing runs.
      void open.at(-1)!.shutdown(true)
      for (const supervisor of open) supervisor.close()
      if (isRunning(readProcessStat(pid))) process.kill(pid, 'SIGTERM')
      await until(() => !isRunning(readProcessStat(pid)))
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** Living processes whose environment or command line holds this text. */
export const processesWith = (text: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false
      try {
        const said = readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1')
        return said.includes(text) && isRunning(readProcessStat(pid))
      } catch {
        return false
      }
    })
