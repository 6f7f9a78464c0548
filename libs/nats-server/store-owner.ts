/**
 * Tells whether a nats-server runs on a data folder, and can end it. nats-server itself does not lock its store: two on
 * one folder start without complaint (measured with 2.10 and 2.15) and ruin it.
 * Must never signal a process whose command line does not name this folder's configuration: pids are reused.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'

const pauseMs = 20

/** The pid in `pidFile`, if that process lives and was started with `configFile`. */
export async function storeOwner(pidFile: string, configFile: string): Promise<number | undefined> {
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return (await commandLineOf(pid)).endsWith(` ${configFile}`) ? pid : undefined
}

/** Ends the owner: TERM, and KILL after `limitMs`. Returns when it is gone. */
export async function endStoreOwner(pidFile: string, configFile: string, limitMs: number): Promise<void> {
  const start = performance.now()
  let signal: NodeJS.Signals = 'SIGTERM'
  let sent = ''
  for (;;) {
    const pid = await storeOwner(pidFile, configFile)
    if (pid === undefined) return
    if (performance.now() - start > limitMs) signal = 'SIGKILL'
    if (sent !== signal) {
      sent = signal
      try {
        process.kill(pid, signal)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    await delay(pauseMs)
  }
}

async function commandLineOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    // Empty for a zombie, which owns nothing any more.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trimEnd()
  }
  const { stdout } = await execa('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { reject: false })
  return stdout?.trimEnd() ?? ''
}
