/**
 * Samples what the process trees of running attempts use. Exact CPU of an attempt comes from its cgroup when it ends;
 * this is for memory (nothing but a sample shows it without a memory controller) and for CPU where there is no cgroup.
 * Must never run in the supervisor: it is the agent's work, which has time.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pidusage from 'pidusage'

let sampler: typeof pidusage | undefined

export type TreeUsage = { memoryBytes: number; cpuMs: number; processes: number }

/** Every process in the attempt's cgroup leaf, or else the living descendants of its first process. */
export const treePids = async (pid: number, cgroupLeaf: string | null): Promise<number[]> => {
  if (cgroupLeaf !== null) return numbers(await readFile(join(cgroupLeaf, 'cgroup.procs'), 'latin1').catch(() => ''))
  const pids = [pid]
  for (let index = 0; index < pids.length; index++) {
    const path = `/proc/${pids[index]}/task/${pids[index]}/children`
    pids.push(...numbers(await readFile(path, 'latin1').catch(() => '')))
  }
  return pids
}

const numbers = (text: string): number[] => text.split(/\s+/).filter(Boolean).map(Number)

/** Sum over the tree: resident memory (shared pages count in each process) and CPU of those that live. */
export const sampleTree = async (pid: number, cgroupLeaf: string | null): Promise<TreeUsage | null> => {
  const pids = await treePids(pid, cgroupLeaf)
  if (pids.length === 0) return null
  // Loaded on first use: the supervisor imports this folder too and must stay small.
  sampler ??= (await import('pidusage')).default
  const usage: TreeUsage = { memoryBytes: 0, cpuMs: 0, processes: 0 }
  // pidusage takes many pids at once and passes over those that are gone, but throws when none is left.
  const samples = await sampler(pids).catch(() => ({}) as Record<string, pidusage.Status>)
  for (const sample of Object.values(samples)) {
    if (!sample) continue
    usage.memoryBytes += sample.memory
    usage.cpuMs += sample.ctime
    usage.processes++
  }
  return usage.processes > 0 ? usage : null
}
