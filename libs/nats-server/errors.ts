/**
 * The errors of this folder: one class per kind, each with a stable `code`.
 * Must never be thrown with a text that does not say what to do next.
 */

/** Nowhere is there a nats-server that can be used, or the one named in MILLRACE_NATS_SERVER can't be. */
export class NatsServerNotFoundError extends Error {
  readonly code = 'nats-server-not-found'
  override readonly name = 'NatsServerNotFoundError'
  /** What was tried, one sentence each, in order. */
  readonly tried: readonly string[]

  constructor(what: string, tried: readonly string[], advice: string) {
    super([what, ...tried.map((sentence) => `  - ${sentence}`), advice].join('\n'))
    this.tried = tried
  }
}

/**
 * Why a server did not come up:
 * `port-taken` another process listens there · `config-rejected` the server does not understand its configuration ·
 * `store-unusable` the data folder can't be used · `store-in-use` another nats-server runs on it (see `pid`) ·
 * `store-from-newer-server` the store was last written by a newer line of nats-server · `exited-early` it left for
 * another reason (see `logTail`) · `not-ready` it did not get ready in time · `spawn-failed` it could not be started.
 */
export type LaunchFault =
  | 'port-taken'
  | 'config-rejected'
  | 'store-unusable'
  | 'store-in-use'
  | 'store-from-newer-server'
  | 'exited-early'
  | 'not-ready'
  | 'spawn-failed'

/** A nats-server could not be brought up. Nothing of it is left running. */
export class NatsServerLaunchError extends Error {
  readonly code: LaunchFault
  override readonly name = 'NatsServerLaunchError'
  /** The last lines the server wrote; empty when it never ran. */
  readonly logTail: string
  /** Of `store-in-use`: the process that has the store. */
  readonly pid?: number

  constructor(code: LaunchFault, message: string, more: { logTail?: string; pid?: number; cause?: unknown } = {}) {
    const tail = more.logTail?.trim() ?? ''
    super(tail === '' ? message : `${message}\n${tail}`, more.cause === undefined ? {} : { cause: more.cause })
    this.code = code
    this.logTail = tail
    if (more.pid !== undefined) this.pid = more.pid
  }
}
