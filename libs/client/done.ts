/** How a job ended, from what the archive shows of it. Pure. */
import { type DoneNotice, isTerminalState, type JobView } from '#schemas'

/** The notice that a view amounts to; null while the job has not ended. */
export const doneOfView = (view: JobView): DoneNotice | null => {
  if (!isTerminalState(view.state)) return null
  const last = view.attempts.at(-1)
  return {
    id: view.id,
    state: view.state as DoneNotice['state'],
    reason: view.reason,
    exitCode: view.result?.exitCode ?? null,
    signal: view.result?.signal ?? null,
    cause: view.result?.cause ?? null,
    attempt: last?.n ?? null,
    stdoutBytes: last?.stdoutBytes ?? 0,
    stderrBytes: last?.stderrBytes ?? 0,
    seq: view.seq,
  }
}
