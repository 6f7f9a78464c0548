/**
 * The port between the agent (brain) and a supervisor (hands). The real supervisor is a process of its own in
 * its own session, reached over a unix socket; the fake is for tests. Both pass the same contract suite.
 *
 * What is promised:
 * - `start` is idempotent by attempt id: at most one spawn per attempt id in the life of a supervisor folder.
 * - an attempt that was accepted ends in exactly one `ended` (or `unstarted`) report, repeated after each (re)connect
 *   until `forget`; it is in the supervisor's fsynced journal before it is said.
 * - deadlines, grace periods and kill ladders are kept by the supervisor: they hold while no agent is connected.
 * - the supervisor holds the host's run queue: it starts attempts in the order given as soon as their resources
 *   fit into the capacity, and gives back (`unstarted`) what waited longer than `queueWaitMs`.
 */
import type { Resources } from '#schemas'

export type StartRequest = {
  attemptId: string
  job: string
  attempt: number
  command: readonly string[]
  /** The whole environment of the process. */
  env: Readonly<Record<string, string>>
  /** Working folder; null: the attempt's scratch folder. */
  cwd: string | null
  stdin: string | null
  timeoutMs: number | null
  graceMs: number
  resources: Resources
  queueWaitMs: number
}

export type AttemptEnd = {
  attemptId: string
  cause: 'exit' | 'signal' | 'timeout' | 'cancelled' | 'lost' | 'spawn'
  exitCode: number | null
  signal: string | null
  pid: number | null
  startedAtMs: number | null
  endedAtMs: number
  usage: { cpuMs?: number; memoryBytesMax?: number; wallMs: number }
  error?: { code: string; message: string }
  stdoutBytes: number
  stderrBytes: number
  /** The last bytes of each (limits.tailBytesMax), base64: so that most short jobs need no file read at all. */
  stdoutTail: string
  stderrTail: string
}

export type SupervisorReport =
  | { kind: 'started'; attemptId: string; pid: number; atMs: number }
  | { kind: 'ended'; end: AttemptEnd }
  /** Nothing was spawned. no-room: the host has no disk, process or descriptor left for it; `text` says which. */
  | { kind: 'unstarted'; attemptId: string; why: 'queue-wait' | 'stopped' | 'no-room'; text?: string }

export type SupervisorAttempt = {
  attemptId: string
  state: 'waiting' | 'running' | 'ended' | 'unstarted'
  pid: number | null
}

export type SupervisorHello = {
  pid: number
  version: string
  bootId: string
  containment: string
  /** cgroup v2 folder that holds one leaf an attempt, named by its id; null when there is none. For sampling only. */
  cgroupRoot: string | null
  attempts: SupervisorAttempt[]
}

export interface Supervisor {
  readonly hello: SupervisorHello
  start(requests: readonly StartRequest[]): void
  /** Ends an attempt: TERM to the tree, grace, KILL, proved empty; one that still waits is dropped (`unstarted`, why stopped). */
  stop(attemptId: string, graceMs: number): void
  /** The report of this attempt is safe in LOG: the supervisor may drop it from its journal and remove its folder's bookkeeping. */
  forget(attemptIds: readonly string[]): void
  setCapacity(capacity: Resources): void
  /**
   * Ends the supervisor. `killAll` ends its attempts first (cause lost, error host-leaving; grace at most 5 s): their
   * reports come as usual, and it goes once they are forgotten or a few seconds later. Without, it goes when nothing
   * runs or waits any more. Resolves when it has gone, or has said that it stays for now.
   */
  shutdown(killAll: boolean): Promise<void>
  /** Drops the connection; the supervisor and its attempts go on. */
  close(): void
}

export type SupervisorEvents = {
  /** All reports that arrived together. */
  onReports: (reports: readonly SupervisorReport[]) => void
  /** The connection broke; `died` tells that its process is gone. */
  onClosed: (died: boolean) => void
}
