/** Latency of one job on an idle cell: submit → the agent's `started` notice, submit → `done`. Milliseconds. */

import type { Client } from '#client'
import type { Broker } from '#eventlog'
import { subjectsOf } from '#schemas'

export type Latencies = { startedMs: number[]; finishedMs: number[] }

export const latency = async (client: Client, broker: Broker, count: number): Promise<Latencies> => {
  const subjects = subjectsOf('mr')
  const startedMs: number[] = []
  const finishedMs: number[] = []
  for (let n = 0; n < count; n++) {
    const id = `latency-${process.pid}-${n}`
    let onStarted = (): void => {}
    const started = new Promise<void>((done) => {
      onStarted = done
    })
    const subscription = broker.notices.subscribe(subjects.notice(id, 'started'), onStarted)
    await subscription.ready
    const at = performance.now()
    const job = await client.submit({ command: ['/bin/true'] }, { id })
    const finished = job.wait().then(() => finishedMs.push(performance.now() - at))
    await started
    startedMs.push(performance.now() - at)
    await finished
    subscription.stop()
  }
  return { startedMs, finishedMs }
}
