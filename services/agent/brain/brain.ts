/**
 * The agent's brain: a pure state machine. No I/O, no clock, no randomness; `step` takes what has come in since the
 * last turn and says what to do. The rules that keep a job from being lost or run twice are here:
 *
 * 1. An order counts only in the epoch of the last leader-claimed before it in LOG, and only once.
 * 2. Nothing is acknowledged, and no end is published, before it is durable in the spool. Claims and starts go out while
 *    it syncs: what a crash takes comes again (the order from LOG, which was not told that we have it; the start from
 *    the supervisor) and is said again, which changes nothing.
 * 3. An attempt starts only after its own `claimed` has come back in LOG with no `revoked` before it.
 * 4. One commit of facts is on its way at a time; what comes meanwhile makes the next.
 * 5. An end is kept, here and by the supervisor, until it has been seen in LOG.
 */
import { commitOf, composeCommit } from './facts.ts'
import type { Input, Output } from './io.ts'
import { acknowledged, applyEcho, applyOrders } from './orders.ts'
import { fold, type SpoolRecord, written } from './records.ts'
import type { Brain, Deferred, OutboxCommit } from './state.ts'
import { applyReports, reconcile } from './supervised.ts'

/** What one turn gathers. */
export class Turn {
  readonly brain: Brain
  readonly nowMs: number
  readonly records: SpoolRecord[] = []
  readonly deferred: Deferred[] = []
  readonly outputs: Output[] = []
  urgent = false

  constructor(brain: Brain, nowMs: number) {
    this.brain = brain
    this.nowMs = nowMs
  }

  /** Changes the durable state: the record is folded now and spooled at the end of the turn. */
  record(record: SpoolRecord, urgent = true): void {
    fold(this.brain, record)
    this.records.push(record)
    this.urgent ||= urgent
  }
}

export const step = (brain: Brain, inputs: readonly Input[], nowMs: number): Output[] => {
  const turn = new Turn(brain, nowMs)
  for (const input of inputs) take(turn, input)
  publishNext(turn)
  if (turn.records.length > 0 || turn.deferred.length > 0) {
    const batch = ++brain.batches
    brain.deferred.set(batch, turn.deferred)
    turn.outputs.push({ kind: 'spool', batch, records: turn.records, urgent: turn.urgent })
  }
  return turn.outputs
}

const take = (turn: Turn, input: Input): void => {
  const { brain } = turn
  switch (input.kind) {
    case 'begin': {
      const { identity } = input
      brain.rebooted = brain.bootId !== null && brain.bootId !== identity.bootId
      brain.identity = identity
      turn.record({ t: 'life', host: brain.host, bootId: identity.bootId, logCreatedMs: input.logCreatedMs })
      reconcile(turn, input.attempts)
      brain.joinWanted = true
      return
    }
    case 'leader':
      return turn.record({ t: 'leader', sequence: input.sequence })
    case 'log':
      return takeLog(turn, input.messages)
    case 'spooled': {
      turn.outputs.push(...(brain.deferred.get(input.batch) ?? []))
      brain.deferred.delete(input.batch)
      return
    }
    case 'published':
      return takePublished(turn, input.id, input.sequence)
    case 'reports':
      return applyReports(turn, input.reports)
    case 'supervisor-up':
      brain.identity = { ...brain.identity!, supervisorPid: input.pid }
      reconcile(turn, input.attempts)
      // The host's page shall name the supervisor that there is.
      brain.joinWanted = true
      return
    case 'supervisor-down':
      brain.supervisorUp = false
      return
    case 'closing':
      brain.closing = true
      return
    case 'leave':
      brain.pending.push({ type: 'left', reason: { code: 'host-leaving', text: input.text } })
  }
}

const takeLog = (turn: Turn, messages: Extract<Input, { kind: 'log' }>['messages']): void => {
  const { brain } = turn
  let last = 0
  for (const { sequence, message } of messages) {
    last = sequence
    if (sequence <= brain.upTo) continue
    // The log delivers in order: a commit that lies before this has been passed, even if its echo was not delivered
    // (the host's consumer was made anew).
    for (const commit of brain.outbox) {
      if (commit.sequence !== null && commit.sequence < sequence) applyEcho(turn, commit.id)
    }
    if (message.kind === 'orders') applyOrders(turn, sequence, message.commit)
    else if (message.kind === 'leader-claimed') turn.record({ t: 'leader', sequence })
    else if (message.kind === 'echo') applyEcho(turn, message.id)
    brain.upTo = sequence
  }
  if (last === 0) return
  // One record a turn says how far the log was handled.
  turn.record({ t: 'upto', sequence: brain.upTo }, false)
  turn.deferred.push({ kind: 'acknowledge', sequence: last })
}

const takePublished = (turn: Turn, id: string, sequence: number): void => {
  const { brain } = turn
  const commit = brain.outbox.find((candidate) => candidate.id === id)
  if (commit) {
    commit.sequence = sequence
    acknowledged(turn, commit)
    if (sequence <= brain.upTo) applyEcho(turn, id)
  }
  if (brain.inFlight === id) brain.inFlight = null
  if (id === joinedId(brain)) {
    brain.joined = true
    turn.outputs.push({ kind: 'joined', sequence })
  }
}

const joinedId = (brain: Brain): string => `${brain.host}/${brain.incarnation}/${brain.joins}/joined`

/** Window 1: the oldest commit that LOG has not acknowledged, else `joined`, else what has gathered. */
const publishNext = (turn: Turn): void => {
  const { brain } = turn
  if (brain.inFlight !== null || brain.identity === null) return
  const waiting = brain.outbox.find(({ acked }) => !acked)
  if (waiting) return publish(turn, waiting)
  if (brain.joinWanted) {
    brain.joinWanted = false
    brain.joins++
    // Not spooled: said again by a later incarnation, its inventory would be a lie.
    return publish(turn, joinedCommit(brain, turn.nowMs))
  }
  if (!brain.joined) return
  const commit = composeCommit(brain, turn.nowMs)
  if (!commit) return
  written(brain, commit)
  turn.records.push({ t: 'facts', id: commit.id, bytes: commit.bytes })
  turn.urgent = true
  brain.inFlight = commit.id
  const mayComeAgain = commit.events.every(({ type }) => type === 'claimed' || type === 'started')
  const to = mayComeAgain ? turn.outputs : turn.deferred
  to.push({ kind: 'publish', id: commit.id, bytes: commit.bytes })
}

const publish = (turn: Turn, { id, bytes }: OutboxCommit): void => {
  turn.brain.inFlight = id
  turn.outputs.push({ kind: 'publish', id, bytes })
}

const joinedCommit = (brain: Brain, nowMs: number): OutboxCommit => {
  const inventory = [...brain.attempts.values()]
    .filter(({ phase }) => phase !== 'ended')
    .map(({ job, attempt }) => ({ job, attempt }))
  const event = { type: 'joined' as const, ...brain.identity!, inventory }
  return commitOf(brain, [event], [JSON.stringify(event)], nowMs)
}
