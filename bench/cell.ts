/** A whole Millrace for the benchmark: `up` from dist/ in a temp folder, as a user starts it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { readProcessStat } from '#process'

export type Pids = Record<string, number>
export type BenchCell = { nats: string; pids: Pids; stop: () => Promise<void> }

export const startCell = async (durability: 'synced' | 'fast'): Promise<BenchCell> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const cli = resolve(import.meta.dirname, '../services/cli/main.js')
  const args = [cli, 'up', '--json', '--data', dataDir, '--port', '0', '--durability', durability]
  // Flags such as --cpu-prof reach every part.
  const child = spawn(process.execPath, [...process.execArgv, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<void>((done) => child.once('exit', () => done()))
  const line = await new Promise<string>((done, fail) => {
    createInterface({ input: child.stdout }).once('line', done)
    void exited.then(() => fail(new Error('up ended before it was ready')))
  })
  const ready = JSON.parse(line) as { nats: string; pids: Pids & { agents: Record<string, Pids> } }
  const { agents, ...services } = ready.pids
  return {
    nats: ready.nats,
    pids: { ...services, ...Object.values(agents)[0] } as Pids,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Resident memory of a process, MiB. */
export const residentMiB = (pid: number): number => {
  const pages = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Math.round(Number(pages?.[1] ?? 0) / 1024)
}

/** CPU time of a process so far, user and system, ms. */
export const cpuMs = (pid: number): number => {
  const stat = readProcessStat(pid)
  return stat === null ? 0 : (stat.userTicks + stat.systemTicks) * 10
}
