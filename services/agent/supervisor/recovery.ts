/**
 * What a new supervisor does about the one before it: whatever that one left running is ended, and each attempt that
 * has no end in the journal is `lost`. Never invented: nobody saw how it ended.
 */
import { readBootId, type SupervisorReport } from '#process'
import type { Containment } from './containment/containment.ts'
import { readTail } from './files.ts'
import { Journal, type JournalRecord, type JournalState, lostEnd } from './journal.ts'

export type Recovered = {
  journal: Journal
  finals: Map<string, Exclude<SupervisorReport, { kind: 'started' }>>
  bootId: string
  lost: number
  damaged: number
}

export const recover = async (data: string, tailBytes: number, containment: Containment): Promise<Recovered> => {
  const before: JournalState = Journal.read(data)
  const bootId = readBootId()
  const rebooted = before.bootId !== null && before.bootId !== bootId
  // After a reboot nothing of before lives, and its pids and marks name others.
  const alive = new Set(rebooted ? [] : await containment.endOrphans([...before.unended]))
  const nowMs = Date.now()
  for (const id of before.unended) {
    const why = alive.has(id)
      ? { code: 'kill-failed', message: 'The supervisor died and something of the attempt could not be ended.' }
      : rebooted
        ? { code: 'host-rebooted', message: 'The host was restarted.' }
        : { code: 'supervisor-died', message: 'The supervisor died; what was left of the attempt has been ended.' }
    const out = readTail(data, id, 'out', tailBytes)
    const err = readTail(data, id, 'err', tailBytes)
    const output = { stdoutBytes: out.bytes, stderrBytes: err.bytes, stdoutTail: out.tail, stderrTail: err.tail }
    before.finals.set(id, { kind: 'ended', end: { ...lostEnd(id, nowMs, why), ...output } })
  }
  const records: JournalRecord[] = [{ t: 'life', bootId, pid: process.pid }]
  for (const report of before.finals.values()) records.push({ t: 'final', report })
  const journal = Journal.begin(data, records)
  return { journal, finals: before.finals, bootId, lost: before.unended.size, damaged: before.damaged }
}
