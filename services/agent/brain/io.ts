/** What goes into the brain and what comes out of it. Values only: no functions, no handles. */
import type { AttemptEnd, SupervisorAttempt, SupervisorReport } from '#process'
import type { Commit, JobSpec, StartedNotice } from '#schemas'
import type { SpoolRecord } from './records.ts'
import type { Identity } from './state.ts'

/** A message of this host's consumer, as far as the brain cares. */
export type LogInput = {
  sequence: number
  message:
    | { kind: 'orders'; commit: Commit }
    | { kind: 'leader-claimed' }
    /** On this host's facts: known by its id, never parsed again. */
    | { kind: 'echo'; id: string }
    | { kind: 'other' }
}

export type Input =
  /** First of all, once: who this agent is. The supervisor must have said hello before. */
  | { kind: 'begin'; identity: Identity; logCreatedMs: number; attempts: readonly SupervisorAttempt[] }
  /** The last leader-claimed in LOG, looked up (not delivered by the consumer). */
  | { kind: 'leader'; sequence: number }
  | { kind: 'log'; messages: readonly LogInput[] }
  /** This batch of records is durable. */
  | { kind: 'spooled'; batch: number }
  /** The commit is stored in LOG. */
  | { kind: 'published'; id: string; sequence: number }
  | { kind: 'reports'; reports: readonly SupervisorReport[] }
  | { kind: 'supervisor-up'; pid: number; attempts: readonly SupervisorAttempt[] }
  | { kind: 'supervisor-down' }
  /** From here on orders are given back. */
  | { kind: 'closing' }
  /** Says `left`. */
  | { kind: 'leave'; text: string }

export type StartOrder = {
  id: string
  job: string
  attempt: number
  spec: JobSpec
  fence: number | null
  trace: string | null
}

export type Output =
  /** Append and fsync, then answer with `spooled`. Not urgent: it may wait some 20 ms for company. */
  | { kind: 'spool'; batch: number; records: readonly SpoolRecord[]; urgent: boolean }
  | { kind: 'acknowledge'; sequence: number }
  /** Append to LOG until it is in, then answer with `published`. */
  | { kind: 'publish'; id: string; bytes: Uint8Array }
  | { kind: 'start'; orders: readonly StartOrder[] }
  | { kind: 'stop'; id: string; graceMs: number }
  /** The end of these is in LOG: neither the supervisor nor anybody here needs them any more. */
  | { kind: 'forget'; ids: readonly string[] }
  | { kind: 'notice'; notice: StartedNotice }
  | { kind: 'joined'; sequence: number }
  | { kind: 'say'; level: 'info' | 'warn'; text: string; about: Record<string, unknown> }

export type { AttemptEnd }
