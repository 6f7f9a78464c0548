/**
 * The port to the broker: the one ordered LOG and the side streams. The JetStream adapter and the memory
 * adapter pass the same contract suite (contract.ts). Nothing outside this folder imports a NATS package.
 *
 * What is promised:
 * - `append` resolves only after the broker acknowledged (in durability `synced`: fsynced) the message. A time-out
 *   or a lost connection is *unknown*, not failed: the same bytes and id are sent again until an answer comes or
 *   the signal aborts. So an append either resolves, or rejects with a definite refusal (nothing stored), or the
 *   broker is closed before the answer (outcome unknown). A refusal `no-space` passes: callers try again later.
 * - appends under way at the same time may be stored in any order: who needs an order awaits each.
 * - the broker knows ids for its dedupe window (2 min): an append unanswered for longer may be stored twice, with the
 *   same id, so readers dedupe too.
 * - a `follow` delivers every message of LOG once, in order, without a gap: a gap is an error, never skipped.
 *   So is a log that went back or was replaced behind a reader's back.
 * - handlers are called synchronously, one batch at a time; what they throw ends the subscription: `closed` rejects with it.
 *   Whoever follows must attend to `closed`; an unattended rejection ends the process.
 */

/** One message as stored in LOG. */
export type LogMessage = {
  readonly subject: string
  /** Sequence in LOG, contiguous from `info().first`. */
  readonly sequence: number
  /** The broker's timestamp, ms since 1970: the time in every fold. */
  readonly timeMs: number
  /** Nats-Msg-Id, '' when the writer gave none. */
  readonly id: string
  readonly bytes: Uint8Array
}

export type OutgoingMessage = {
  readonly subject: string
  /** Deterministic id: the broker's dedupe and every reader's. */
  readonly id: string
  readonly bytes: Uint8Array
  /** Optimistic concurrency: refuse unless the subject's last message has this sequence (0: none yet). */
  readonly expectLastSubjectSequence?: number
}

export type Ack = {
  readonly sequence: number /** True when a message of this id was stored before. */
  readonly duplicate: boolean
}

export type LogInfo = {
  /** First sequence still kept, 1 when nothing was ever removed. */
  first: number
  /** Last sequence, 0 when empty. */
  last: number
  messages: number
  bytes: number
  /** Broker time of the stream's creation: another one means another log. */
  createdMs: number
}

export type Follow = {
  /** Stops delivering; resolves when no handler call is under way. Idempotent. */
  stop(): Promise<void>
  /** Resolves when stopped, rejects on a gap, a handler's throw or a broken consumer that can't be rebuilt. */
  readonly closed: Promise<void>
}

export type FollowOptions = {
  /** First sequence wanted, from 1. More than one beyond the end is a gap: the log went back. */
  from: number
  /** Called with each batch that arrived together, never empty. */
  onMessages: (messages: readonly LogMessage[]) => void
  /** Called once, when everything stored at the time of asking was delivered; soon, when there is nothing. */
  onCaughtUp?: () => void
  signal?: AbortSignal
}

/** An agent's own durable consumer: orders and its own facts, acknowledged after they are in the spool. */
export type HostFollowOptions = {
  host: string
  onMessages: (messages: readonly LogMessage[]) => void
  signal?: AbortSignal
}
export type HostFollow = Follow & {
  /** Acknowledges everything up to and including this sequence. Call only after it is durable at the receiver. */
  acknowledge(sequence: number): void
}

export interface EventLog {
  append(message: OutgoingMessage, signal?: AbortSignal): Promise<Ack>
  info(): Promise<LogInfo>
  /** One message by its sequence; null when it is not (or no longer) stored. Reads from the stream's leader. */
  get(sequence: number): Promise<LogMessage | null>
  /** The last message on a subject; null when there is none. Reads from the stream's leader. */
  last(subject: string): Promise<LogMessage | null>
  follow(options: FollowOptions): Follow
  /** Made by the scheduler when a host joins: the host's durable consumer, from this sequence on. Idempotent. */
  ensureHostConsumer(host: string, fromSequence: number): Promise<void>
  /**
   * Waits until the scheduler has made the host's consumer, then delivers what is behind its last acknowledged message:
   * each once in the life of this follow, in order. After a crash that may take ack_wait (2 s), in which newer ones wait too.
   */
  followHost(options: HostFollowOptions): HostFollow
}

export interface Beats {
  /**
   * Publishes the newest value of a subject (heartbeat or lease). Resolves on the broker's acknowledgement. Sent once: a
   * late value would replace a newer one. Rejects with 'timeout' (1 s), 'unreachable' (not connected at present) or
   * 'no-responder'; the next value is due anyway.
   */
  put(subject: string, bytes: Uint8Array): Promise<void>
  /** The last value of each subject first, then every newer one that isn't replaced before it is sent. */
  watch(subjectFilter: string, onValue: (subject: string, bytes: Uint8Array) => void): Follow
}

export type OutputChunk = {
  job: string
  attempt: number
  stream: 'out' | 'err'
  offset: number
  timeMs: number
  bytes: Uint8Array
  last: boolean
}

export interface OutputStream {
  /** Ships one chunk; same (attempt, stream, offset) twice is stored once. Resolves on acknowledgement. */
  append(chunk: OutputChunk): Promise<void>
  /** Delivers kept chunks of a job in stored order and then new ones until stopped. */
  follow(job: string, onChunk: (chunk: OutputChunk) => void, onCaughtUp?: () => void): Follow
}

export interface Files {
  put(name: string, bytes: Uint8Array): Promise<void>
  get(name: string): Promise<Uint8Array | null>
  delete(name: string): Promise<void>
}

export interface Notices {
  /** Plain publish, not stored, not acknowledged. */
  publish(subject: string, bytes: Uint8Array): void
  subscribe(
    subjectFilter: string,
    onNotice: (subject: string, bytes: Uint8Array) => void,
  ): { stop(): void /** Resolves once the broker knows of it. */; ready: Promise<void> }
  /** Request/reply. Rejects with BrokerError 'no-responder' or 'timeout'. */
  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array>
  /** Answers requests; what the handler throws becomes an error answer of the form {"error":{code,message}}. */
  respond(
    subjectFilter: string,
    handler: (subject: string, bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  ): { stop(): Promise<void> }
}

export type BrokerStatus = 'connected' | 'disconnected' | 'closed'

export interface Broker {
  readonly log: EventLog
  readonly beats: Beats
  readonly output: OutputStream
  readonly files: Files
  readonly notices: Notices
  /** The server's version, e.g. "2.15.1". */
  readonly serverVersion: string
  status(): BrokerStatus
  onStatus(listener: (status: BrokerStatus) => void): void
  /** Stops every subscription, flushes, disconnects. Idempotent. */
  close(): Promise<void>
}

/**
 * Codes: wrong-last-sequence, too-large, no-space, denied, refused (any other definite refusal), no-stream, bad-stream
 * (can't become what is needed), server-too-old, no-responder, timeout, gap, closed, unreachable.
 */
export class BrokerError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BrokerError'
    this.code = code
  }
}
