/** For tests: folds a written log in memory, and shows a job as people see it. */
import { decodeMessage, type JobView } from '#schemas'
import { LogScript, startMs, subjects } from '../log-script.testing.ts'
import { project } from './project.ts'
import { RowCache } from './row-cache.ts'
import { newCellRow } from './rows.ts'
import type { RowSource } from './tables.ts'
import { jobView } from './views.ts'

const nothingStored: RowSource = { job: () => null, attempt: () => null, hosts: () => [] }

export const fold = (log: LogScript): RowCache => {
  const rows = new RowCache(nothingStored, newCellRow('mr'))
  for (const { subject, sequence, timeMs, bytes } of log.messages) {
    const parsed = subjects.parse(subject)!
    project(rows, { subject: parsed, sequence, timeMs, decoded: decodeMessage(parsed, bytes) })
  }
  return rows
}

export const view = (log: LogScript, id: string): JobView => {
  const rows = fold(log)
  const row = rows.job(id)!
  const attempts = Array.from({ length: row.attempts }, (_, index) => rows.attempt(row, index + 1)!)
  return jobView(row, attempts, null, rows.cell.sequence)
}

/** A cell with a leader and two hosts: messages 1 to 3. */
export const cell = (): LogScript => new LogScript().lead().join('h1').join('h2')

/** Broker time of a message, as people see it. */
export const at = (sequence: number): string => new Date(startMs + sequence).toISOString()
