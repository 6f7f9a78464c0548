/**
 * Containment without cgroups: the attempt's process group, and for those who left it (setsid, double fork) a mark in
 * their environment, found by looking through /proc. Best effort by nature: a process that leaves the group and also
 * wipes its environment escapes. Must never signal a process that it has not just seen to be of the attempt.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { readProcessStat } from '#process'
import { type Containment, lookAgainMs } from './containment.ts'

const orphanLimitMs = 5_000
/** In this time no machine gives out all its pids (32,768 at least), so that their order means something. */
const youngMs = 1_000

/** The variable that marks every process of an attempt, and one that tells apart attempts of other folders' agents. */
export const markName = 'MILLRACE_ATTEMPT_ID'
const folderName = 'MILLRACE_SCRATCH'

type Found = { attemptId: string; pid: number; startTicks: number }

export class ProcessGroupContainment implements Containment {
  readonly name = 'process-group'
  readonly cgroupRoot = null
  readonly ready = true
  /** What stands in front of every scratch folder of this supervisor. */
  readonly #scratchPrefix: string
  readonly #bornMs = new Map<string, number>()
  /** One look through /proc answers everybody who asked since the last. */
  #looking: Promise<Found[]> | null = null
  #lookMs = 0
  /** First pids of the young attempts that the next look is for; null when it has to be at everybody. */
  #from: number[] | null = []

  constructor(attemptsFolder: string) {
    this.#scratchPrefix = `${attemptsFolder}/`
  }

  born<T>(attemptId: string, _more: boolean, spawn: () => T): T {
    this.#bornMs.set(attemptId, performance.now())
    return spawn()
  }

  async isEmpty(attemptId: string, pid: number): Promise<boolean> {
    const empty = pid === 0 || (await this.#seemsEmpty(attemptId, pid))
    if (empty) this.#bornMs.delete(attemptId)
    return empty
  }

  async #seemsEmpty(attemptId: string, pid: number): Promise<boolean> {
    if (groupLives(pid)) {
      // A member may be a zombie that nobody has reaped yet: only a look can tell.
      if (this.#look(pid, attemptId).length > 0) return false
    }
    const young = performance.now() - (this.#bornMs.get(attemptId) ?? Number.NEGATIVE_INFINITY) < youngMs
    const found = await this.#lookSoon(young ? pid : null)
    return !found.some((process) => process.attemptId === attemptId)
  }

  killAll(attemptId: string, pid: number, reaped: boolean): void {
    // A number is not given to a new process while it still names a group, so this is safe as long as either lives.
    if (!reaped) signalGroup(pid, 'SIGKILL')
    for (const found of this.#look(reaped ? pid : null, attemptId)) killSame(found)
  }

  cpuMs(): undefined {
    return undefined
  }

  async endOrphans(attemptIds: readonly string[]): Promise<string[]> {
    if (attemptIds.length === 0) return []
    const wanted = new Set(attemptIds)
    const limit = performance.now() + orphanLimitMs
    for (let look = 0; ; look++) {
      const found = this.#look(null, null).filter(({ attemptId }) => wanted.has(attemptId))
      if (found.length === 0) return []
      if (performance.now() > limit) return [...new Set(found.map(({ attemptId }) => attemptId))]
      for (const process of found) killSame(process)
      await delay(lookAgainMs(look))
    }
  }

  open(): void {}

  close(): void {}

  /**
   * Under load a look waits for others, and takes at most a fifth of the time. Pids are given in turn, so what a young
   * attempt has forked lies between its first pid and the last one given: only those are read.
   */
  #lookSoon(from: number | null): Promise<Found[]> {
    if (from === null) this.#from = null
    else this.#from?.push(from)
    this.#looking ??= delay(this.#lookMs * 4).then(() => {
      const isSince = this.#takeRange()
      this.#looking = null
      return this.#look(null, null, isSince)
    })
    return this.#looking
  }

  #takeRange(): (pid: number) => boolean {
    const from = this.#from
    this.#from = []
    const last = lastPid()
    if (from === null || last === null) return () => true
    return (pid) => from.some((first) => (first <= last ? pid >= first && pid <= last : pid >= first || pid <= last))
  }

  /** Marked processes; with `group`, also those of that group whose leader is gone. Only of `only`, if given. */
  #look(group: number | null, only: string | null, wanted: (pid: number) => boolean = () => true): Found[] {
    const started = performance.now()
    const found: Found[] = []
    for (const name of readdirSync('/proc')) {
      const pid = Number(name)
      if (!Number.isInteger(pid) || !wanted(pid)) continue
      const attemptId = this.#markOf(pid) ?? (group !== null && only !== null && isOrphanOf(pid, group) ? only : null)
      if (attemptId === null || (only !== null && attemptId !== only)) continue
      const stat = readProcessStat(pid)
      if (stat && stat.state !== 'Z' && stat.state !== 'X') found.push({ attemptId, pid, startTicks: stat.startTicks })
    }
    this.#lookMs = performance.now() - started
    return found
  }

  #markOf(pid: number): string | null {
    let environment: string
    try {
      environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
    } catch {
      return null
    }
    const attemptId = variableIn(environment, markName)
    if (attemptId === null || !variableIn(environment, folderName)?.startsWith(this.#scratchPrefix)) return null
    return attemptId
  }
}

/** The pid given last: fifth field of proc_loadavg(5). Null where it can't be read. */
const lastPid = (): number | null => {
  try {
    return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ')[4]) || null
  } catch {
    return null
  }
}

/** proc(5): variables are separated by NUL. */
const variableIn = (environment: string, name: string): string | null => {
  const start = environment.startsWith(`${name}=`) ? 0 : environment.indexOf(`\0${name}=`) + 1
  if (start === 0 && !environment.startsWith(`${name}=`)) return null
  const from = start + name.length + 1
  const end = environment.indexOf('\0', from)
  return environment.slice(from, end < 0 ? undefined : end)
}

/** In the group `group`, which has no living leader: with one, the number would have been given away anew. */
const isOrphanOf = (pid: number, group: number): boolean =>
  readProcessStat(pid)?.group === group && readProcessStat(group) === null

const groupLives = (group: number): boolean => {
  try {
    process.kill(-group, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Only while the group's leader is not reaped: else the number may name somebody else. */
export const signalGroup = (leader: number, signal: NodeJS.Signals): void => {
  // kill(2): 0 and -1 mean one's own group and everybody.
  if (leader <= 1) return
  try {
    process.kill(-leader, signal)
  } catch {
    // Nobody is left in it.
  }
}

const killSame = ({ pid, startTicks }: Found): void => {
  if (readProcessStat(pid)?.startTicks !== startTicks) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}
