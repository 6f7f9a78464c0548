/** What the supervisor says, and what is done when one (a new one, or the same again) is there. */
import type { SupervisorAttempt, SupervisorReport } from '#process'
import { parseAttemptId } from '#schemas'
import type { Turn } from './brain.ts'
import { exitedFact, lostFact, refusedFact } from './facts.ts'
import type { StartOrder } from './io.ts'
import { answer } from './orders.ts'
import { attemptOf } from './records.ts'
import type { HeldAttempt } from './state.ts'

const refusalCodes = { 'queue-wait': 'host-queue-wait', stopped: 'cancelled', 'no-room': 'host-refused' } as const

export const applyReports = (turn: Turn, reports: readonly SupervisorReport[]): void => {
  const { brain } = turn
  const unknown: string[] = []
  for (const report of reports) {
    const id = report.kind === 'ended' ? report.end.attemptId : report.attemptId
    const held = brain.attempts.get(id)
    if (!held) {
      // Its end has been in LOG for a while; the supervisor did not hear that it may forget it.
      if (report.kind !== 'started') unknown.push(id)
      continue
    }
    if (held.phase === 'ended' || brain.ending.has(id)) continue
    if (report.kind === 'started') {
      if (held.started || brain.starting.has(id)) continue
      brain.starting.add(id)
      const { pid, atMs } = report
      brain.pending.push({ type: 'started', job: held.job, attempt: held.attempt, pid, at: atMs })
      continue
    }
    brain.ending.add(id)
    if (report.kind === 'ended') brain.pending.push(exitedFact(held, report.end))
    else brain.pending.push(refusedFact(held, refusalCodes[report.why], report.text))
  }
  if (unknown.length > 0) turn.outputs.push({ kind: 'forget', ids: unknown })
}

/**
 * Brings what the brain holds and what the supervisor has together. The supervisor keeps what was spawned until it is
 * forgotten, so an attempt that it does not know was never spawned by it: it is safe to start it (again). But not
 * after a reboot, when its journal may have lost the last moments, nor when `started` was already said.
 */
export const reconcile = (turn: Turn, attempts: readonly SupervisorAttempt[]): void => {
  const { brain } = turn
  brain.supervisorUp = true
  const known = new Map(attempts.map((attempt) => [attempt.attemptId, attempt]))
  for (const { attemptId } of attempts) if (!brain.attempts.has(attemptId)) adopt(turn, attemptId)
  const starts: StartOrder[] = []
  for (const held of brain.attempts.values()) {
    if (brain.ending.has(held.id)) continue
    if (held.phase === 'ordered') {
      if (!brain.pending.some((event) => attemptOf(event) === held.id)) answer(turn, held)
      continue
    }
    if (held.phase !== 'cleared') continue
    const there = known.get(held.id)
    if (!there) startOrStop(turn, held, starts)
    else if (held.stop && (there.state === 'waiting' || there.state === 'running'))
      turn.outputs.push({ kind: 'stop', id: held.id, graceMs: held.stop.graceMs })
  }
  brain.rebooted = false
  if (starts.length > 0) turn.outputs.push({ kind: 'start', orders: starts })
}

/** The spool was lost, but not the attempt: it is watched from here on, and the scheduler says whether it may stay. */
const adopt = (turn: Turn, id: string): void => {
  const name = parseAttemptId(id)
  if (!name) return
  const held: HeldAttempt = {
    id,
    ...name,
    spec: null,
    fence: null,
    trace: null,
    phase: 'cleared',
    started: false,
    stop: null,
  }
  turn.record({ t: 'attempt', attempt: held })
  turn.outputs.push({
    kind: 'say',
    level: 'warn',
    text: 'adopted an attempt that the spool does not know',
    about: { id },
  })
}

/** For an attempt that may run and that the supervisor does not have. */
export const startOrStop = (turn: Turn, held: HeldAttempt, starts: StartOrder[]): void => {
  const { brain } = turn
  const end = (): void => void brain.ending.add(held.id)
  if (held.started || brain.starting.has(held.id) || held.spec === null || brain.rebooted) {
    end()
    const [code, message] = brain.rebooted
      ? ['host-rebooted', 'The host was restarted.']
      : ['supervisor-forgot', 'The supervisor no longer knows the attempt.']
    brain.pending.push(lostFact(held, turn.nowMs, code!, message!))
  } else if (held.stop) {
    end()
    brain.pending.push(refusedFact(held, 'cancelled'))
  } else if (brain.supervisorUp) {
    const { id, job, attempt, spec, fence, trace } = held
    starts.push({ id, job, attempt, spec, fence, trace })
  }
}
