/** From an order to what the supervisor is told: defaults filled in, and the job's whole environment. */
import { attemptScratch, jobEnvironment, type StartRequest } from '#process'
import { limits, normaliseSpec } from '#schemas'
import type { StartOrder } from './brain/index.ts'

export const startRequestOf = (
  order: StartOrder,
  host: string,
  data: string,
  environment: Readonly<Record<string, string>>,
): StartRequest => {
  const spec = normaliseSpec(order.spec)
  const { id, job, attempt, fence, trace } = order
  return {
    attemptId: id,
    job,
    attempt,
    command: spec.command,
    env: jobEnvironment(environment, spec.env, {
      job,
      attempt,
      host,
      fence,
      scratch: attemptScratch(data, id),
      trace,
    }),
    cwd: spec.cwd,
    stdin: spec.stdin,
    timeoutMs: spec.timeoutMs,
    graceMs: spec.graceMs,
    resources: spec.resources,
    queueWaitMs: limits.hostQueueWaitMsMax,
  }
}
