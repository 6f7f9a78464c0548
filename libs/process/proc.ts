/**
 * Reader of /proc (proc(5)): who a process is. A pid alone names nobody, because it is used again; pid and start time
 * together name one process for as long as the machine runs, boot id and both for ever.
 * Must never signal anybody: it only looks.
 */
import { readFileSync } from 'node:fs'

export type ProcessStat = {
  pid: number
  /** Name of the executable, at most 15 bytes; may hold any character, parentheses and line breaks too. */
  comm: string
  /** R, S, D, Z, T, … */
  state: string
  parentPid: number
  group: number
  session: number
  /** User and system time, clock ticks (USER_HZ, 100 a second on Linux). */
  userTicks: number
  systemTicks: number
  /** Field 22: ticks after boot at which it started. */
  startTicks: number
}

/** Takes one `/proc/<pid>/stat` line apart; null when it is none. The name ends at the LAST parenthesis. */
export const parseProcessStat = (line: string): ProcessStat | null => {
  const open = line.indexOf('(')
  const close = line.lastIndexOf(')')
  if (open < 1 || close < open) return null
  // Field 3 (state) comes first after the name, so field n stands at index n - 3.
  const fields = line.slice(close + 2).split(' ')
  if (fields.length < 20) return null
  const field = (number: number): number => Number(fields[number - 3])
  return {
    pid: Number(line.slice(0, open)),
    comm: line.slice(open + 1, close),
    state: fields[0]!,
    parentPid: field(4),
    group: field(5),
    session: field(6),
    userTicks: field(14),
    systemTicks: field(15),
    startTicks: field(22),
  }
}

/** Null when there is no such process. */
export const readProcessStat = (pid: number): ProcessStat | null => {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return null
  }
}

/** A process that still does something. A zombie runs no more, however slowly it is reaped. */
export const isRunning = (stat: ProcessStat | null): stat is ProcessStat =>
  stat !== null && stat.state !== 'Z' && stat.state !== 'X'

/** Whether exactly this process (same start time) still runs. */
export const isSameProcess = (pid: number, startTicks: number): boolean => {
  const stat = readProcessStat(pid)
  return isRunning(stat) && stat.startTicks === startTicks
}

/** The kernel's id of this boot; another one means that no process of before lives. */
export const readBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
