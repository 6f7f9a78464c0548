/** What travels on the supervisor's socket, one message a frame. A newer peer may add kinds: unknown ones are passed over. */
import type { Resources } from '#schemas'
import type { StartRequest, SupervisorHello, SupervisorReport } from './port.ts'

export type ToSupervisor =
  | { kind: 'start'; requests: readonly StartRequest[] }
  | { kind: 'stop'; attemptId: string; graceMs: number }
  | { kind: 'forget'; attemptIds: readonly string[] }
  | { kind: 'capacity'; capacity: Resources }
  | { kind: 'shutdown'; killAll: boolean }

export type FromSupervisor =
  /** First on every connection; reports of everything that is not forgotten follow. */
  | { kind: 'hello'; hello: SupervisorHello }
  | { kind: 'reports'; reports: readonly SupervisorReport[] }
  /** Answer to shutdown: it goes, or it stays because something runs. */
  | { kind: 'bye' }
  | { kind: 'staying' }
