/** Process jobs end to end: one batch submit to the last notice. */

import { availableParallelism } from 'node:os'
import type { Client } from '#client'
import type { Broker } from '#eventlog'
import { cpuMs, type Pids } from './cell.ts'

export type Throughput = { jobsPerSecond: number; messagesPerJob: number; cpuUsPerJob: Record<string, number> }

/** Eight at a time, as in the bare loop it is held against: a command that does nothing needs no CPU of its own. */
const spec = { command: ['/bin/true'], cpus: availableParallelism() / 8 }

export const throughput = async (client: Client, broker: Broker, pids: Pids, count: number): Promise<Throughput> => {
  const before = await broker.log.info()
  const cpuBefore = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMs(pid)]))
  const startedAt = performance.now()
  const jobs = await client.submitMany(Array.from({ length: count }, () => spec))
  const results = await client.waitAll(jobs)
  const seconds = (performance.now() - startedAt) / 1000
  const wrong = results.filter(({ state }) => state !== 'succeeded')
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${count} jobs did not succeed: ${JSON.stringify(wrong[0])}`)
  const after = await broker.log.info()
  return {
    jobsPerSecond: count / seconds,
    messagesPerJob: (after.last - before.last) / count,
    cpuUsPerJob: Object.fromEntries(
      Object.entries(pids).map(([name, pid]) => [name, Math.round(((cpuMs(pid) - cpuBefore[name]!) * 1000) / count)]),
    ),
  }
}
