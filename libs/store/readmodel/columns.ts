/**
 * How rows lie in tables: for each kind, the fields and their columns in one order, from which every statement is made.
 * A row read is the row written.
 */
import type { AttemptRow, CellRow, HostRow, JobRow } from './rows.ts'

export type Columns<Row> = { readonly [Field in keyof Row]-?: string }

/** Set once, with the submission (or never again): left out of later updates, which so touch fewer index entries. */
export const jobFixedColumns = {
  key: 'key',
  id: 'id',
  submission: 'submission',
  name: 'name',
  queue: 'queue',
  priority: 'priority',
  labels: 'labels',
  command: 'command',
  cpuMilli: 'cpu_milli',
  memoryBytes: 'memory_bytes',
  custom: 'custom',
  actor: 'actor',
  correlation: 'correlation',
  submittedMs: 'submitted_ms',
} as const satisfies Partial<Columns<JobRow>>

export const jobMovingColumns = {
  state: 'state',
  reasonCode: 'reason_code',
  reasonText: 'reason_text',
  startedMs: 'started_ms',
  finishedMs: 'finished_ms',
  dueMs: 'due_ms',
  attempts: 'attempts',
  attempt: 'attempt',
  resultAttempt: 'result_attempt',
  refusals: 'refusals',
  cancelAsked: 'cancel_asked',
  faults: 'faults',
} as const satisfies Partial<Columns<JobRow>>

export const jobColumns: Columns<JobRow> = { ...jobFixedColumns, ...jobMovingColumns }

export const attemptColumns: Columns<AttemptRow> = {
  job: 'job',
  n: 'n',
  host: 'host',
  state: 'state',
  pid: 'pid',
  assignedMs: 'assigned_ms',
  claimedMs: 'claimed_ms',
  startedMs: 'started_ms',
  exitedMs: 'exited_ms',
  exitCode: 'exit_code',
  signal: 'signal',
  cause: 'cause',
  usage: 'usage',
  error: 'error',
  fence: 'fence',
  epoch: 'epoch',
  late: 'late',
  stdoutBytes: 'stdout_bytes',
  stderrBytes: 'stderr_bytes',
  stdoutTail: 'stdout_tail',
  stderrTail: 'stderr_tail',
}

export const hostColumns: Columns<HostRow> = {
  id: 'id',
  state: 'state',
  capacity: 'capacity',
  labels: 'labels',
  tools: 'tools',
  containment: 'containment',
  version: 'version',
  agentPid: 'agent_pid',
  supervisorPid: 'supervisor_pid',
  joinedMs: 'joined_ms',
}

export const cellColumns: Columns<CellRow> = {
  namespace: 'namespace',
  logCreatedMs: 'log_created_ms',
  sequence: 'sequence',
  timeMs: 'time_ms',
  nowMs: 'now_ms',
  epoch: 'epoch',
  leader: 'leader',
  events: 'events',
  malformed: 'malformed',
  fenced: 'fenced',
}

type Value = string | number | null | Uint8Array

/** `column AS field, …` for a SELECT that gives rows of this kind. */
export const selection = (columns: Record<string, string>, table = ''): string =>
  Object.entries(columns)
    .map(([field, column]) => `${table}${column} AS ${field}`)
    .join(', ')

export const insertion = (table: string, columns: Record<string, string>, verb = 'INSERT'): string => {
  const names = Object.values(columns)
  return `${verb} INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`
}

export const assignments = (columns: Record<string, string>): string =>
  Object.values(columns)
    .map((column) => `${column} = ?`)
    .join(', ')

/** A function that gives a row's values in the order of its columns. */
export const binder = <Row>(columns: Partial<Columns<Row>>): ((row: Row) => Value[]) => {
  const fields = Object.keys(columns) as (keyof Row)[]
  return (row) => {
    const values: Value[] = new Array(fields.length)
    for (let index = 0; index < fields.length; index++) {
      const value = row[fields[index]!]
      values[index] = typeof value === 'boolean' ? Number(value) : (value as Value)
    }
    return values
  }
}
