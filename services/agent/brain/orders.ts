/** What the log says to this host: orders of the leader, and the agent's own facts coming back. */
import { type Assigned, attemptIdOf, type Commit, eventFaults, type JobSpec, limits, positionOf } from '#schemas'
import type { Turn } from './brain.ts'
import { isEnd, refusedFact } from './facts.ts'
import type { StartOrder } from './io.ts'
import { attemptOf } from './records.ts'
import type { Brain, HeldAttempt, OutboxCommit } from './state.ts'
import { startOrStop } from './supervised.ts'

/** The epoch in force at this place of the log; null when no leader-claimed before it is known. */
const epochAt = (brain: Brain, sequence: number): number | null => {
  let epoch: number | null = null
  for (const claim of brain.claims) if (claim < sequence) epoch = claim
  return epoch
}

export const applyOrders = (turn: Turn, sequence: number, commit: Commit): void => {
  const epoch = epochAt(turn.brain, sequence)
  if (epoch !== null && commit.epoch !== epoch) {
    const about = { sequence, epoch: commit.epoch, current: epoch }
    turn.outputs.push({ kind: 'say', level: 'warn', text: 'orders of another epoch passed over', about })
    return
  }
  for (const [index, event] of commit.events.entries()) {
    switch (event.type) {
      case 'assigned':
        assigned(turn, event, positionOf(sequence, index), commit.trace ?? null)
        break
      case 'revoked':
      case 'lost':
        // Lost: given up, and perhaps running elsewhere by now. Nobody waits for its result.
        stop(turn, attemptIdOf(event.job, event.attempt), 0, 'revoked')
        break
      case 'stop-ordered':
        stop(turn, attemptIdOf(event.job, event.attempt), event.graceMs, 'ordered')
    }
  }
}

const assigned = (turn: Turn, event: Assigned, fence: number, trace: string | null): void => {
  const id = attemptIdOf(event.job, event.attempt)
  if (turn.brain.attempts.has(id)) return
  const held: HeldAttempt = {
    id,
    job: event.job,
    attempt: event.attempt,
    spec: event.spec as JobSpec,
    fence,
    trace,
    phase: 'ordered',
    started: false,
    stop: null,
  }
  turn.record({ t: 'attempt', attempt: held })
  answer(turn, turn.brain.attempts.get(id)!)
}

/** Claims an order, or gives it back. Also called for orders that an agent before this one took in and did not answer. */
export const answer = (turn: Turn, held: HeldAttempt): void => {
  const { brain } = turn
  const refuse = (code: string, text?: string): void => {
    brain.ending.add(held.id)
    brain.pending.push(refusedFact(held, code, text))
  }
  if (brain.closing) return refuse('host-leaving')
  const [fault] = eventFaults('submitted', { type: 'submitted', job: held.job, spec: held.spec })
  if (fault) return refuse('host-refused', `The spec does not fit its schema: ${fault.pointer} ${fault.message}`)
  if (brain.attempts.size > limits.attemptsPerHostMax)
    return refuse('host-refused', `The host holds ${limits.attemptsPerHostMax} attempts already.`)
  brain.pending.push({ type: 'claimed', job: held.job, attempt: held.attempt })
}

const stop = (turn: Turn, id: string, graceMs: number, how: 'revoked' | 'ordered'): void => {
  const { brain } = turn
  const held = brain.attempts.get(id)
  if (!held || held.phase === 'ended') return
  if (held.phase === 'ordered' && how === 'revoked') {
    brain.pending = brain.pending.filter((event) => attemptOf(event) !== id)
    brain.ending.delete(id)
    return turn.record({ t: 'drop', id })
  }
  turn.record({ t: 'stop', id, graceMs, how })
  if (held.phase === 'cleared' && !brain.ending.has(id)) turn.outputs.push({ kind: 'stop', id, graceMs })
}

/** The commit is in LOG: the next may go, and those who wait may know. */
export const acknowledged = (turn: Turn, commit: OutboxCommit): void => {
  const { brain } = turn
  if (commit.acked) return
  commit.acked = true
  if (brain.inFlight === commit.id) brain.inFlight = null
  for (const event of commit.events) {
    if (event.type !== 'started') continue
    const notice = { id: event.job, attempt: event.attempt, host: brain.host, pid: event.pid }
    turn.outputs.push({ kind: 'notice', notice })
  }
}

/** A message on this host's facts. Only what this brain wrote means anything to it. */
export const applyEcho = (turn: Turn, id: string): void => {
  const { brain } = turn
  const commit = brain.outbox.find((candidate) => candidate.id === id)
  if (!commit) return
  // Seen before its acknowledgement came: it is in LOG all the same.
  acknowledged(turn, commit)
  turn.record({ t: 'seen', id }, false)
  const starts: StartOrder[] = []
  const over: string[] = []
  for (const event of commit.events) {
    const attemptId = attemptOf(event)
    if (attemptId === null) continue
    if (isEnd(event)) over.push(attemptId)
    else if (event.type === 'claimed') {
      const held = brain.attempts.get(attemptId)
      if (held?.phase === 'cleared') startOrStop(turn, held, starts)
    }
  }
  if (starts.length > 0) turn.outputs.push({ kind: 'start', orders: starts })
  if (over.length > 0) turn.deferred.push({ kind: 'forget', ids: over })
}
