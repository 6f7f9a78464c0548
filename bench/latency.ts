/**
 * Latency of one job on an idle cell, one after the other. Milliseconds, one machine, one clock: submit → the process was
 * spawned (as the host's clock says in its `started` fact), submit → the `done` notice.
 */
import type { Client } from '#client'

export type Latencies = { startedMs: number[]; finishedMs: number[] }

export const latency = async (client: Client, count: number): Promise<Latencies> => {
  const finishedMs: number[] = []
  const submittedAtMs = new Map<string, number>()
  for (let n = 0; n < count; n++) {
    const at = performance.now()
    const atMs = performance.timeOrigin + at
    const job = await client.submit({ command: ['/bin/true'] })
    submittedAtMs.set(job.id, atMs)
    await job.wait()
    finishedMs.push(performance.now() - at)
  }
  const startedMs: number[] = []
  for (const [id, atMs] of submittedAtMs) {
    for await (const event of client.events({ job: id })) {
      if (event.type === 'millrace.job.started.v1' || event.type === 'millrace.host.started.v1') {
        startedMs.push((event.data['at'] as number) - atMs)
      }
    }
  }
  return { startedMs, finishedMs }
}
