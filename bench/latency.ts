/**
 * Latency of one job on an idle cell, one after the other. Milliseconds, one machine, one clock: submit → the process was
 * spawned (as the host's clock says in its `started` fact), submit → the `done` notice.
 */
import type { Client } from '#client'
import { cloudEventType } from '#schemas'

const startedType = cloudEventType('started')
/** The fact's clock is cut to whole ms: half of one is what that takes away in the mean. */
const cutMs = 0.5

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
      if (event.type === startedType) startedMs.push((event.data['at'] as number) + cutMs - atMs)
    }
  }
  return { startedMs, finishedMs }
}
