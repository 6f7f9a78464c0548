/**
 * The form of a LOG message: a commit is one or more events, atomic, with what they share standing once.
 * `encodeCommit` is strict (a writer's mistake throws); `decodeMessage` is tolerant (unknown fields pass,
 * bad messages become a value that says what is wrong) and never throws on any bytes.
 */
import { type Static, type TSchema, type TUnknown, Type } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import { cloudEventToCommit, foreignPointer, looksLikeCloudEvent } from './cloudevent.ts'
import { type Event, type EventType, eventDefinitions } from './events/index.ts'
import { type Fault, type JobSpec, specFaults } from './jobspec.ts'
import { limits } from './limits.ts'
import { AttemptNumber, JobId } from './names.ts'
import { isNestedDeeper } from './nesting.ts'
import { type LogSubject, writerOf } from './subjects.ts'
import { upcast } from './upcast.ts'

export const CommitHeader = Type.Object({
  v: Type.Literal(1),
  id: Type.String({ minLength: 1, maxLength: 256, description: 'Deterministic; also the Nats-Msg-Id.' }),
  source: Type.String({ minLength: 1, maxLength: 128, description: 'The writer, e.g. agent/host-1.' }),
  actor: Type.Optional(Type.String({ maxLength: 256, description: 'Who asked for it.' })),
  time: Type.Integer({
    minimum: -limits.dateMsMax,
    maximum: limits.dateMsMax,
    description: "Writer's clock, ms since 1970: display only. Folds use the broker's time.",
  }),
  epoch: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        "The leader's epoch (0: decided without a leader); decisions and orders of another epoch have no effect.",
    }),
  ),
  plan: Type.Optional(
    Type.Object(
      {
        input: Type.Integer({
          minimum: 0,
          description: 'Position up to which the log was folded when this was decided.',
        }),
        now: Type.Integer({ description: 'Broker time, ms, carried on by the local monotonic clock.' }),
        policy: Type.String({ maxLength: 64 }),
        pass: Type.Integer({
          minimum: 0,
          description: "Number of the pass in the leader's reign: all messages of one pass share it.",
        }),
      },
      { description: 'What the decision was derived from, so that anybody can derive it again.' },
    ),
  ),
  trace: Type.Optional(Type.String({ maxLength: 64, description: 'W3C traceparent.' })),
  correlation: Type.Optional(Type.String({ maxLength: 128 })),
})
export type CommitHeader = Static<typeof CommitHeader>
export type Commit = CommitHeader & { events: readonly Event[] }

/** What the bytes of a LOG message turned out to be. */
export type Decoded =
  | { kind: 'commit'; commit: Commit }
  /** A client's message that can't be taken: the scheduler answers `rejected` when it names a job. */
  | { kind: 'malformed'; reason: 'schema' | 'unknown-version' | 'too-large'; job: string | null; faults: Fault[] }

const headerCheck = TypeCompiler.Compile(CommitHeader)
/** Events are open, but `job` and `attempt` mean the same in all of them: readers look at both without asking the type. */
const withReservedNames = (schema: TSchema): TSchema => ({
  ...schema,
  properties: { job: JobId, attempt: AttemptNumber, ...schema['properties'] },
})

const eventChecks = new Map<string, TypeCheck<TUnknown>>(
  Object.entries(eventDefinitions).map(([type, definition]) => [
    type,
    TypeCompiler.Compile(withReservedNames(definition.schema)) as unknown as TypeCheck<TUnknown>,
  ]),
)

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** JSON-pointer faults of a value against an event's schema (first few). */
export const eventFaults = (type: EventType, value: unknown): Fault[] => {
  const check = eventChecks.get(type)!
  if (check.Check(value)) {
    return type === 'submitted'
      ? specFaults((value as { spec: JobSpec }).spec).map((f) => ({ ...f, pointer: `/spec${f.pointer}` }))
      : []
  }
  return firstFaults(check, value)
}

const firstFaults = (check: TypeCheck<TUnknown>, value: unknown): Fault[] => {
  const faults: Fault[] = []
  for (const error of check.Errors(value)) {
    faults.push({ pointer: error.path, message: error.message })
    if (faults.length === limits.faultsPerRejectionMax) break
  }
  return faults
}

/**
 * The bytes of a commit. Throws RangeError when it is over a limit; the caller splits before that. Throws TypeError,
 * naming the place, when it does not fit its schema: every reader would take it for malformed and pass over it.
 */
export const encodeCommit = (commit: Commit): Uint8Array => {
  if (commit.events.length === 0 || commit.events.length > limits.commitEventsMax) {
    throw new RangeError(`A commit holds 1 to ${limits.commitEventsMax} events, not ${commit.events.length}.`)
  }
  assertForm(headerCheck as unknown as TypeCheck<TUnknown>, commit, '')
  for (let index = 0; index < commit.events.length; index++) {
    const event = commit.events[index]!
    assertForm(eventChecks.get(event.type), event, `/events/${index}`)
  }
  const bytes = encoder.encode(JSON.stringify(commit))
  if (bytes.length > limits.commitBytesMax)
    throw new RangeError(`A commit of ${bytes.length} bytes is over the limit of ${limits.commitBytesMax}.`)
  return bytes
}

const assertForm = (check: TypeCheck<TUnknown> | undefined, value: unknown, at: string): void => {
  if (check?.Check(value)) return
  const [fault] = check ? firstFaults(check, value) : [{ pointer: '/type', message: 'This type is not known.' }]
  throw new TypeError(`The commit does not fit its schema at ${at}${fault?.pointer}: ${fault?.message}.`)
}

const malformed = (
  job: string | null,
  message: string,
  pointer = '',
  reason: 'schema' | 'unknown-version' | 'too-large' = 'schema',
): Decoded => ({
  kind: 'malformed',
  reason,
  job,
  faults: [{ pointer, message }],
})

/**
 * Reads one LOG message. Any bytes are fine: what does not fit becomes `malformed` with JSON pointers.
 * A foreign client may have published one CloudEvent as it is; it becomes a commit of one event.
 */
export const decodeMessage = (subject: LogSubject, bytes: Uint8Array): Decoded => {
  const decoded = decode(subject, bytes)
  if (decoded.kind === 'malformed') decoded.faults = bounded(decoded.faults)
  return decoded
}

/** Faults quote what a stranger sent: whatever that was, the `rejected` that carries them must fit into a commit. */
const bounded = (faults: Fault[]): Fault[] =>
  faults.slice(0, limits.faultsPerRejectionMax).map(({ pointer, message }) => ({
    pointer: pointer.slice(0, limits.faultTextMax),
    message: message.slice(0, limits.faultTextMax),
  }))

const decode = (subject: LogSubject, bytes: Uint8Array): Decoded => {
  const job = subject.kind === 'job' ? subject.job : null
  if (bytes.length > limits.commitBytesMax)
    return malformed(
      job,
      `The message has ${bytes.length} bytes; the limit is ${limits.commitBytesMax}.`,
      '',
      'too-large',
    )
  if (isNestedDeeper(bytes, limits.nestingMax))
    return malformed(job, `The message is nested more than ${limits.nestingMax} levels deep.`, '', 'too-large')
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (error) {
    return malformed(job, `The message is not JSON in UTF-8: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return malformed(job, 'The message is not a JSON object.')
  if (looksLikeCloudEvent(value)) {
    const converted = cloudEventToCommit(subject, value)
    if ('faults' in converted) return { kind: 'malformed', reason: converted.reason, job, faults: converted.faults }
    const checked = checkCommit(subject, converted.commit, bytes.length)
    return checked.kind === 'commit'
      ? checked
      : { ...checked, faults: checked.faults.map((f) => ({ ...f, pointer: foreignPointer(f.pointer) })) }
  }
  return checkCommit(subject, value as Record<string, unknown>, bytes.length)
}

const checkCommit = (subject: LogSubject, value: Record<string, unknown>, sizeBytes: number): Decoded => {
  const job = subject.kind === 'job' ? subject.job : null
  const raw = upcast(value)
  if (raw['v'] !== 1)
    return malformed(
      job,
      `Version ${JSON.stringify(raw['v'])} of the commit form is not known here.`,
      '/v',
      'unknown-version',
    )
  if (!headerCheck.Check(raw))
    return {
      kind: 'malformed',
      reason: 'schema',
      job,
      faults: firstFaults(headerCheck as unknown as TypeCheck<TUnknown>, raw),
    }
  const events = (raw as Record<string, unknown>)['events']
  if (!Array.isArray(events) || events.length === 0)
    return malformed(job, 'Expected a non-empty array of events.', '/events')
  if (events.length > limits.commitEventsMax)
    return malformed(job, `More than ${limits.commitEventsMax} events.`, '/events', 'too-large')
  const writer = writerOf(subject)
  for (let index = 0; index < events.length; index++) {
    const event = events[index] as { type?: unknown; job?: unknown }
    const at = `/events/${index}`
    if (typeof event !== 'object' || event === null) return malformed(job, 'Expected an object.', at)
    const { type } = event
    if (typeof type !== 'string' || !Object.hasOwn(eventDefinitions, type)) {
      return malformed(job, `Event type ${JSON.stringify(type)} is not known here.`, `${at}/type`, 'unknown-version')
    }
    if (eventDefinitions[type as EventType].writer !== writer)
      return malformed(job, `An event of type ${type} does not belong on this subject.`, `${at}/type`)
    if (subject.kind === 'job' && type !== subject.event)
      return malformed(job, `An event of type ${type} does not fit its subject (${subject.event}).`, `${at}/type`)
    if (subject.kind === 'job' && event.job !== subject.job)
      return malformed(job, `The event's job is not that of its subject (${subject.job}).`, `${at}/job`)
    if (subject.kind === 'batch' && type !== 'submitted')
      return malformed(job, 'A batch holds submitted events only.', `${at}/type`)
    if (!eventChecks.get(type)!.Check(event)) {
      return {
        kind: 'malformed',
        reason: 'schema',
        job,
        faults: firstFaults(eventChecks.get(type)!, event).map((f) => ({ ...f, pointer: at + f.pointer })),
      }
    }
    if (type === 'submitted') {
      // The spec travels again inside `assigned`: one that only just fitted here would fit into no order.
      if (sizeBytes > limits.specBytesMax) {
        const specBytes = encoder.encode(JSON.stringify((event as { spec?: unknown }).spec)).length
        if (specBytes > limits.specBytesMax)
          return malformed(
            job,
            `The spec has ${specBytes} bytes; the limit is ${limits.specBytesMax}.`,
            `${at}/spec`,
            'too-large',
          )
      }
      const faults = specFaults((event as unknown as { spec: JobSpec }).spec)
      if (faults.length > 0)
        return {
          kind: 'malformed',
          reason: 'schema',
          job,
          faults: faults.map((f) => ({ ...f, pointer: `${at}/spec${f.pointer}` })),
        }
    }
  }
  return { kind: 'commit', commit: raw as unknown as Commit }
}
