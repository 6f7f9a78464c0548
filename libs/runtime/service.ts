/**
 * One life-cycle contract for everything that runs: `start` resolves when it serves, `stop` waits for what is under
 * way, is idempotent and bounded. `runService` is the main function of each process.
 */
export interface Service {
  readonly name: string
  start(): Promise<void>
  stop(): Promise<void>
  /** What the readiness line on stdout says besides name and pid. */
  readiness?(): Record<string, unknown>
  /** Rejects when the service can't go on; resolves never or after stop. */
  readonly failed?: Promise<never>
}

/** An error that a person shall read: what happened, and what to do. `exitCode` as in CONTRACT. */
export class UserError extends Error {
  readonly code: string
  readonly hint: string
  readonly exitCode: number
  constructor(code: string, message: string, hint = '', exitCode = 1, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UserError'
    this.code = code
    this.hint = hint
    this.exitCode = exitCode
  }
}
