/** Facts: how reports become events, and events a commit. Ids are deterministic, so a repeat is known as one. */
import { hash53 } from '#domain'
import { type Exited, type FactEvent, limits, type Refused } from '#schemas'
import type { AttemptEnd } from './io.ts'
import { attemptOf } from './records.ts'
import type { Brain, HeldAttempt, OutboxCommit } from './state.ts'

const encoder = new TextEncoder()
/** Header of a commit and its closing brackets, generously. */
const headerBytesMax = 1024

export const refusedFact = (held: HeldAttempt, code: string, text?: string): Refused => ({
  type: 'refused',
  job: held.job,
  attempt: held.attempt,
  reason: text === undefined ? { code } : { code, text: text.slice(0, limits.reasonTextBytesMax) },
})

export const exitedFact = (held: HeldAttempt, end: AttemptEnd): Exited => ({
  type: 'exited',
  job: held.job,
  attempt: held.attempt,
  cause: end.cause,
  exitCode: end.exitCode,
  signal: end.signal,
  ...(end.pid === null ? {} : { pid: end.pid }),
  ...(end.startedAtMs === null ? {} : { startedAt: end.startedAtMs }),
  at: end.endedAtMs,
  usage: end.usage,
  ...(end.error ? { error: { code: end.error.code.slice(0, 64), message: end.error.message.slice(0, 4096) } } : {}),
  ...(end.stdoutBytes > 0 ? { stdout: { bytes: end.stdoutBytes, tail: end.stdoutTail } } : {}),
  ...(end.stderrBytes > 0 ? { stderr: { bytes: end.stderrBytes, tail: end.stderrTail } } : {}),
})

/** Nobody knows how it ended. */
export const lostFact = (held: HeldAttempt, atMs: number, code: string, message: string): Exited => ({
  type: 'exited',
  job: held.job,
  attempt: held.attempt,
  cause: 'lost',
  exitCode: null,
  signal: null,
  at: atMs,
  usage: { wallMs: 0 },
  error: { code, message },
})

const eventId = (brain: Brain, event: FactEvent): string =>
  `${attemptOf(event) ?? `${brain.host}/${brain.incarnation}/${brain.joins}`}/${event.type}`

/** As many of the pending facts as one commit holds, in order. Takes them out of `pending`; null when there are none. */
export const composeCommit = (brain: Brain, nowMs: number): OutboxCommit | null => {
  if (brain.pending.length === 0) return null
  const parts: string[] = []
  let bytes = headerBytesMax
  for (const event of brain.pending) {
    const text = JSON.stringify(event)
    bytes += Buffer.byteLength(text) + 1
    if (parts.length > 0 && (bytes > limits.commitBytesMax || parts.length === limits.commitEventsMax)) break
    parts.push(text)
  }
  const events = brain.pending.splice(0, parts.length)
  for (const event of events) {
    if (isEnd(event)) brain.ending.delete(attemptOf(event)!)
    else if (event.type === 'started') brain.starting.delete(attemptOf(event)!)
  }
  return commitOf(brain, events, parts, nowMs)
}

export const isEnd = (event: FactEvent): boolean => event.type === 'exited' || event.type === 'refused'

/** One commit of these events; `parts` are their JSON texts, so that nothing is written as JSON twice. */
export const commitOf = (
  brain: Brain,
  events: readonly FactEvent[],
  parts: readonly string[],
  nowMs: number,
): OutboxCommit => {
  const ids = events.map((event) => eventId(brain, event))
  const all = ids.join('\n')
  const digest = `${hash53(all).toString(36)}${hash53(`${ids.length}\n${all}`).toString(36)}`
  const id = ids.length === 1 ? ids[0]! : `facts/${brain.host}/${digest}`
  const header = JSON.stringify({ v: 1, id, source: `agent/${brain.host}`, time: Math.trunc(nowMs) })
  return {
    id,
    bytes: encoder.encode(`${header.slice(0, -1)},"events":[${parts.join(',')}]}`),
    events,
    acked: false,
    sequence: null,
  }
}
