/**
 * Who serves a data folder: the lock of `up`, and a record of the processes that it started, so that the next one can
 * end what is left of one that was killed. A process is ended only when pid and start time are those recorded.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isSameProcess, readProcessStat, takeLock } from '#process'
import { UserError } from '#runtime'

type Recorded = { name: string; pid: number; startTicks: number }

/** Parts notice by their IPC channel that `up` is gone and stop by themselves; this is how long they get. */
const leaveLimitMs = 20_000

export type FolderRecord = {
  /** Notes a process that `up` has started. */
  started(name: string, pid: number): void
  /** Gives the folder back. */
  release(): void
}

/** Takes the folder, waits for (and then ends) what a former life left. Throws UserError `data-in-use`. */
export const takeFolder = async (dataDir: string, say: (text: string) => void): Promise<FolderRecord> => {
  makeFolder(dataDir)
  const lock = takeLock(join(dataDir, 'up.lock'))
  if (!lock.held) {
    const hint = `Stop it (kill ${lock.owner.pid}), or choose another folder with --data.`
    throw new UserError(
      'data-in-use',
      `${dataDir} is in use by another \`millrace up\` (pid ${lock.owner.pid})`,
      hint,
      4,
    )
  }
  const path = join(dataDir, 'up.processes.json')
  await endLeftovers(read(path), say)
  const processes = new Map<string, Recorded>()
  return {
    started(name, pid) {
      const stat = readProcessStat(pid)
      if (!stat) return
      processes.set(name, { name, pid, startTicks: stat.startTicks })
      writeFileSync(`${path}.new`, JSON.stringify([...processes.values()]))
      renameSync(`${path}.new`, path)
    },
    release() {
      rmSync(path, { force: true })
      lock.release()
    },
  }
}

const makeFolder = (dataDir: string): void => {
  try {
    mkdirSync(join(dataDir, 'logs'), { recursive: true })
  } catch (error) {
    const hint = 'Choose a folder that can be written with --data.'
    throw new UserError('data-folder', `${dataDir} can't be made: ${(error as Error).message}`, hint, 4, {
      cause: error,
    })
  }
}

const read = (path: string): Recorded[] => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Recorded[]
  } catch {
    return []
  }
}

const endLeftovers = async (recorded: readonly Recorded[], say: (text: string) => void): Promise<void> => {
  // nats-server has no channel to notice by; launching with takeOver ends it.
  const left = (): Recorded[] =>
    recorded.filter(({ name, pid, startTicks }) => name !== 'nats-server' && isSameProcess(pid, startTicks))
  if (left().length > 0)
    say(
      `waiting for ${left()
        .map(({ name }) => name)
        .join(', ')} of a former life to end`,
    )
  const deadline = performance.now() + leaveLimitMs
  while (left().length > 0 && performance.now() < deadline) await delay(50)
  for (const { pid, name } of left()) {
    say(`ending ${name} (pid ${pid}) of a former life`)
    process.kill(pid, 'SIGKILL')
  }
}
