/** Rows as the JSON that users see (schemas/queries.ts). Pure; the spec and the command come from the log. */
import type { AttemptView, HostView, JobSpec, JobSummary, JobView, Reason } from '#schemas'
import type { HeldAttempt } from './read-model.ts'
import type { AttemptRow, HostRow, JobRow } from './rows.ts'

const iso = (ms: number): string => new Date(ms).toISOString()
const time = (ms: number | null): string | null => (ms === null ? null : iso(ms))
const parsed = <T>(json: string | null): T | null => (json === null ? null : (JSON.parse(json) as T))

export const reasonOf = ({ reasonCode, reasonText }: JobRow): Reason =>
  reasonText === null ? { code: reasonCode } : { code: reasonCode, text: reasonText }

export const attemptView = (row: AttemptRow): AttemptView => {
  const error = parsed<{ code: string; message: string }>(row.error)
  return {
    n: row.n,
    host: row.host,
    state: row.state,
    pid: row.pid,
    assignedAt: time(row.assignedMs),
    claimedAt: time(row.claimedMs),
    startedAt: time(row.startedMs),
    exitedAt: time(row.exitedMs),
    exitCode: row.exitCode,
    signal: row.signal,
    cause: row.cause,
    usage: parsed(row.usage),
    ...(error === null ? {} : { error }),
    fence: row.fence,
    epoch: row.epoch,
    stdoutBytes: row.stdoutBytes,
    stderrBytes: row.stderrBytes,
    stdoutTail: row.stdoutTail,
    stderrTail: row.stderrTail,
    late: row.late,
  }
}

/**
 * A whole job. `spec`: as it was submitted; null when the submission held none that could be read, shown as an empty
 * command. Result and usage are those of the attempt that the terminal decision named.
 */
export const jobView = (row: JobRow, attempts: readonly AttemptRow[], spec: JobSpec | null, seq: number): JobView => {
  const faults = parsed<{ pointer: string; message: string }[]>(row.faults)
  const result = row.resultAttempt === null ? undefined : attempts.find(({ n }) => n === row.resultAttempt)
  return {
    id: row.id,
    name: row.name,
    state: row.state!,
    reason: reasonOf(row),
    queue: row.queue,
    priority: row.priority,
    labels: parsed<Record<string, string>>(row.labels) ?? {},
    spec: spec ?? { command: [] },
    submittedAt: time(row.submittedMs),
    startedAt: time(row.startedMs),
    finishedAt: time(row.finishedMs),
    actor: row.actor,
    correlationId: row.correlation,
    ...(faults === null ? {} : { faults }),
    result: result === undefined ? null : resultOf(result),
    usage: result === undefined ? null : parsed(result.usage),
    attempts: attempts.map(attemptView),
    submission: row.submission!,
    seq,
  }
}

/** Null for an attempt that never ran. */
const resultOf = (attempt: AttemptRow): JobView['result'] => {
  if (attempt.state === 'refused' || attempt.state === 'revoked') return null
  const error = parsed<{ code: string; message: string }>(attempt.error)
  const cause = attempt.cause ?? (attempt.state === 'lost' ? 'lost' : null)
  return {
    exitCode: attempt.exitCode,
    signal: attempt.signal,
    cause: cause as NonNullable<JobView['result']>['cause'],
    ...(error === null ? {} : { error }),
    outputs: [],
  }
}

/** A job in a list. `shown`: its result's attempt, or the present one. */
export const jobSummary = (row: JobRow, shown: AttemptRow | null, command: readonly string[]): JobSummary => ({
  id: row.id,
  name: row.name,
  state: row.state!,
  reason: reasonOf(row),
  queue: row.queue,
  priority: row.priority,
  labels: parsed<Record<string, string>>(row.labels) ?? {},
  submittedAt: time(row.submittedMs),
  startedAt: time(row.startedMs),
  finishedAt: time(row.finishedMs),
  exitCode: row.resultAttempt === null ? null : (shown?.exitCode ?? null),
  host: shown?.host ?? null,
  command,
})

/** A host with what it holds. `lastBeatMs`: null when no heartbeat was seen. `attemptsMax`: the newest ones are listed. */
export const hostView = (
  row: HostRow,
  held: readonly HeldAttempt[],
  lastBeatMs: number | null,
  attemptsMax: number,
): HostView => {
  const custom: Record<string, number> = {}
  let cpuMilli = 0
  let memoryBytes = 0
  for (const attempt of held) {
    cpuMilli += attempt.cpuMilli
    memoryBytes += attempt.memoryBytes
    for (const [name, amount] of Object.entries(parsed<Record<string, number>>(attempt.custom) ?? {}))
      custom[name] = (custom[name] ?? 0) + amount
  }
  return {
    id: row.id,
    state: row.state,
    capacity: JSON.parse(row.capacity),
    reserved: { cpuMilli, memoryBytes, custom },
    labels: JSON.parse(row.labels),
    tools: JSON.parse(row.tools),
    containment: row.containment,
    agentPid: row.agentPid,
    supervisorPid: row.supervisorPid,
    attempts: held.slice(-attemptsMax).map(({ job, attempt, state }) => ({ job, attempt, state })),
    joinedAt: iso(row.joinedMs),
    lastBeatAt: time(lastBeatMs),
    version: row.version,
  }
}
