/** What the row cache writes, and what it keeps in memory. */
import { describe, expect, it } from 'vitest'
import { RowCache } from './row-cache.ts'
import { type AttemptRow, type JobRow, type JobState, newCellRow, newJobRow } from './rows.ts'
import type { RowSink, RowSource } from './tables.ts'

/** A file that remembers what was written, and how. */
class FakeFile implements RowSource, RowSink {
  readonly jobs = new Map<string, JobRow>()
  readonly written: string[] = []
  readonly counts = new Map<JobState, number>()
  loads = 0
  job(id: string) {
    this.loads++
    const row = this.jobs.get(id)
    return row ? { ...row } : null
  }
  attempt(): AttemptRow | null {
    return null
  }
  hosts() {
    return []
  }
  insertJob(row: JobRow) {
    this.written.push(`insert ${row.id}`)
    this.jobs.set(row.id, { ...row })
  }
  updateJob(row: JobRow, whole: boolean) {
    this.written.push(`${whole ? 'update all of' : 'update'} ${row.id}`)
    this.jobs.set(row.id, { ...row })
  }
  putAttempt() {}
  putHost() {}
  indexEvent(_job: number, position: number, type: string) {
    this.written.push(`index ${position} ${type}`)
  }
  count(state: JobState, change: number) {
    this.counts.set(state, (this.counts.get(state) ?? 0) + change)
  }
}

const setState = (rows: RowCache, id: string, state: JobState, key = 1) => {
  const row = rows.job(id) ?? rows.addJob(key, id)
  row.state = state
  rows.changedJob(row)
  return row
}

const commit = (rows: RowCache, file: FakeFile) => {
  rows.write(file)
  rows.settle()
}

describe('a transaction', () => {
  it('writes a job once however often it changed, and counts its states', () => {
    const file = new FakeFile()
    const rows = new RowCache(file, newCellRow('mr'))
    for (const state of ['queued', 'assigned', 'running'] as const) setState(rows, 'a', state)
    commit(rows, file)
    setState(rows, 'a', 'succeeded')
    commit(rows, file)
    commit(rows, file)
    expect(file.written).toEqual(['insert a', 'update a'])
    expect(Object.fromEntries(file.counts)).toEqual({ running: 0, succeeded: 1 })
  })

  it('writes all of a row that was only named before', () => {
    const file = new FakeFile()
    file.jobs.set('a', newJobRow(1, 'a'))
    const rows = new RowCache(file, newCellRow('mr'))
    setState(rows, 'a', 'queued')
    commit(rows, file)
    expect(file.written).toEqual(['update all of a'])
  })

  it('writes nothing of a job that was only looked at or indexed', () => {
    const file = new FakeFile()
    file.jobs.set('a', { ...newJobRow(1, 'a'), state: 'queued' })
    const rows = new RowCache(file, newCellRow('mr'))
    rows.indexEvent(rows.job('a')!, 8192, 'claimed')
    commit(rows, file)
    expect(file.written).toEqual(['index 8192 claimed'])
  })
})

describe('memory', () => {
  it('holds no more jobs than it may, the latest changed ones', () => {
    const file = new FakeFile()
    const rows = new RowCache(file, newCellRow('mr'), 3)
    for (let key = 1; key <= 10; key++) setState(rows, `job-${key}`, 'queued', key)
    commit(rows, file)
    expect(rows.size).toBe(3)
    file.loads = 0
    setState(rows, 'job-8', 'assigned')
    expect(file.loads).toBe(0)
    setState(rows, 'job-1', 'assigned')
    expect(file.loads).toBe(1)
    commit(rows, file)
    expect(rows.size).toBe(3)
  })

  it('forgets a job that has ended', () => {
    const file = new FakeFile()
    const rows = new RowCache(file, newCellRow('mr'))
    setState(rows, 'a', 'queued')
    setState(rows, 'b', 'failed', 2)
    commit(rows, file)
    expect(rows.size).toBe(1)
  })
})
