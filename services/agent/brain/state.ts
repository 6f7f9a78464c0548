/**
 * What the brain knows. All of it but the parts marked passing is a fold of the spool's records, so that a new agent on
 * the same folder knows what the one before it knew.
 *
 *   assigned ─▶ ordered ─claimed written─▶ claiming ─claimed seen in LOG─▶ cleared ─exited | refused written─▶ ended ─seen─▶ (gone)
 *                  └─revoked─▶ (gone)          └─seen after revoked─▶ (gone)
 */
import type { FactEvent, JobSpec, Joined } from '#schemas'

export type Phase = 'ordered' | 'claiming' | 'cleared' | 'ended'

export type HeldAttempt = {
  id: string
  job: string
  attempt: number
  /** null: known from the supervisor only (the spool was lost). It can be watched and stopped, not started. */
  spec: JobSpec | null
  fence: number | null
  trace: string | null
  phase: Phase
  /** `started` was written. */
  started: boolean
  /** It shall be ended. `revoked`: the log does not wait for a fact about it if it never started. */
  stop: { graceMs: number; how: 'revoked' | 'ordered' } | null
}

/** A commit of facts that has not been seen in LOG yet. */
export type OutboxCommit = {
  id: string
  bytes: Uint8Array
  events: readonly FactEvent[]
  acked: boolean /** In LOG, once acknowledged in this life. */
  sequence: number | null
}

/** What the agent says of itself, apart from the inventory. */
export type Identity = Omit<Joined, 'type' | 'inventory'>

/** What happens once a batch of records is durable. */
export type Deferred =
  | { kind: 'acknowledge'; sequence: number }
  | { kind: 'publish'; id: string; bytes: Uint8Array }
  | { kind: 'forget'; ids: readonly string[] }

export type Brain = {
  readonly host: string
  readonly incarnation: string
  /** Boot in which the records were written; null when there were none. */
  bootId: string | null
  /** Which log the records are about: its time of creation. */
  logCreatedMs: number
  /** Sequences of the last leader-claimed messages, ascending. */
  claims: number[]
  /** Last LOG sequence that was handled: whatever comes again up to here is passed over. */
  upTo: number
  readonly attempts: Map<string, HeldAttempt>
  outbox: OutboxCommit[]

  // ---- passing: gone with the process ----
  /** Facts that are in no commit yet. Each can be had again: from an order in the spool, or from the supervisor. */
  pending: FactEvent[]
  /** Attempts with an exited or refused among `pending`. */
  readonly ending: Set<string>
  /** Attempts with a started among `pending`. */
  readonly starting: Set<string>
  /** Id of the commit that is on its way; the next goes only after its acknowledgement. */
  inFlight: string | null
  identity: Identity | null
  joins: number
  joinWanted: boolean
  /** `joined` of this incarnation is in LOG. */
  joined: boolean
  supervisorUp: boolean
  rebooted: boolean
  /** The host is leaving: orders are given back. */
  closing: boolean
  batches: number
  readonly deferred: Map<number, readonly Deferred[]>
}

export const newBrain = (host: string, incarnation: string): Brain => ({
  host,
  incarnation,
  bootId: null,
  logCreatedMs: 0,
  claims: [],
  upTo: 0,
  attempts: new Map(),
  outbox: [],
  pending: [],
  ending: new Set(),
  starting: new Set(),
  inFlight: null,
  identity: null,
  joins: 0,
  joinWanted: false,
  joined: false,
  supervisorUp: false,
  rebooted: false,
  closing: false,
  batches: 0,
  deferred: new Map(),
})

/** Nothing is left to be said: no fact waits and every commit has been acknowledged. */
export const isQuiet = (brain: Brain): boolean =>
  brain.pending.length === 0 && brain.inFlight === null && !brain.joinWanted && brain.outbox.every(({ acked }) => acked)
