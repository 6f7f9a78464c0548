/**
 * The records of the spool and what each does to the brain. The live brain changes its durable part only through
 * `fold`, so replaying the records gives exactly the same state.
 */
import { attemptIdOf, type Commit, type FactEvent } from '#schemas'
import type { Brain, HeldAttempt, OutboxCommit } from './state.ts'

export type SpoolRecord =
  | { t: 'life'; host: string; bootId: string; logCreatedMs: number }
  | { t: 'leader'; sequence: number }
  /** A whole attempt: a new order, an adopted one, or (after a compaction) any. */
  | { t: 'attempt'; attempt: HeldAttempt }
  | { t: 'stop'; id: string; graceMs: number; how: 'revoked' | 'ordered' }
  | { t: 'drop'; id: string }
  /** A commit of facts: the very bytes that are published. */
  | { t: 'facts'; id: string; bytes: Uint8Array }
  | { t: 'seen'; id: string }
  | { t: 'upto'; sequence: number }

const claimsKept = 16
const decoder = new TextDecoder()

/** The attempt a fact is about; null for those about the host. */
export const attemptOf = (event: FactEvent): string | null =>
  'job' in event ? attemptIdOf(event.job, event.attempt) : null

export const fold = (brain: Brain, record: SpoolRecord): void => {
  switch (record.t) {
    case 'life':
      brain.bootId = record.bootId
      brain.logCreatedMs = record.logCreatedMs
      return
    case 'leader':
      if (!brain.claims.includes(record.sequence)) brain.claims.push(record.sequence)
      brain.claims = brain.claims.sort((a, b) => a - b).slice(-claimsKept)
      return
    case 'attempt':
      brain.attempts.set(record.attempt.id, { ...record.attempt })
      return
    case 'stop': {
      const held = brain.attempts.get(record.id)
      if (held) held.stop = { graceMs: record.graceMs, how: record.how }
      return
    }
    case 'drop':
      brain.attempts.delete(record.id)
      return
    case 'facts': {
      const { events } = JSON.parse(decoder.decode(record.bytes)) as Commit
      return written(brain, {
        id: record.id,
        bytes: record.bytes,
        events: events as FactEvent[],
        acked: false,
        sequence: null,
      })
    }
    case 'seen':
      return seen(brain, record.id)
    case 'upto':
      brain.upTo = Math.max(brain.upTo, record.sequence)
  }
}

/** A commit of facts stands in the spool. */
export const written = (brain: Brain, commit: OutboxCommit): void => {
  brain.outbox.push(commit)
  for (const event of commit.events) {
    const id = attemptOf(event)
    const held = id === null ? undefined : brain.attempts.get(id)
    if (!held) continue
    if (event.type === 'claimed' && held.phase === 'ordered') held.phase = 'claiming'
    else if (event.type === 'started') held.started = true
    else if (event.type === 'exited' || event.type === 'refused') held.phase = 'ended'
  }
}

/** A commit of facts has come back in LOG. */
const seen = (brain: Brain, id: string): void => {
  const commit = brain.outbox.find((candidate) => candidate.id === id)
  if (!commit) return
  brain.outbox = brain.outbox.filter((candidate) => candidate !== commit)
  for (const event of commit.events) {
    const attemptId = attemptOf(event)
    const held = attemptId === null ? undefined : brain.attempts.get(attemptId)
    if (!held) continue
    if (event.type === 'exited' || event.type === 'refused') brain.attempts.delete(held.id)
    else if (event.type === 'claimed' && held.phase === 'claiming') {
      // Revoked before the claim in LOG: the claim has no effect, and the attempt never starts.
      if (held.stop?.how === 'revoked') brain.attempts.delete(held.id)
      else held.phase = 'cleared'
    }
  }
}

/** The fewest records that fold to the same durable state: what a compaction writes. */
export const compactRecords = (brain: Brain): SpoolRecord[] => [
  ...(brain.bootId === null
    ? []
    : [{ t: 'life' as const, host: brain.host, bootId: brain.bootId, logCreatedMs: brain.logCreatedMs }]),
  ...brain.claims.map((sequence) => ({ t: 'leader' as const, sequence })),
  ...(brain.upTo > 0 ? [{ t: 'upto' as const, sequence: brain.upTo }] : []),
  // Facts first: what they say of an attempt is already in it.
  ...brain.outbox.map(({ id, bytes }) => ({ t: 'facts' as const, id, bytes })),
  ...[...brain.attempts.values()].map((attempt) => ({ t: 'attempt' as const, attempt: { ...attempt } })),
]
