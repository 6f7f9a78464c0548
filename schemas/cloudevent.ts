/**
 * CloudEvents 1.0 (JSON format): the form of events at the edges (SDK, HTTP, SSE, exports) and the one in
 * which a foreign client may publish. Inside the log the lean commit form is used (commit.ts).
 */
import type { Commit } from './commit.ts'
import { type Event, type EventType, eventDefinitions } from './events/index.ts'
import type { Fault } from './jobspec.ts'
import { positionFactor } from './limits.ts'
import { attemptIdOf } from './names.ts'
import type { LogSubject } from './subjects.ts'

export type CloudEvent = {
  specversion: '1.0'
  id: string
  type: string
  source: string
  subject: string
  time: string
  datacontenttype: 'application/json'
  actor?: string
  correlationid?: string
  traceparent?: string
  epoch?: number
  position: number
  data: Record<string, unknown>
}

/** `submitted` → `millrace.job.submitted.v1`. */
export const cloudEventType = (type: EventType): string => {
  const { aggregate, version } = eventDefinitions[type]
  return `millrace.${aggregate}.${type}.v${version}`
}

const typePattern = /^millrace\.[a-z]+\.([a-z-]+)\.v[0-9]+$/

export const looksLikeCloudEvent = (value: object): value is Record<string, unknown> => 'specversion' in value

/** Renders one event of a commit. `brokerTimeMs` is the broker's timestamp of its message. */
export const toCloudEvent = (
  commit: Commit,
  event: Event,
  where: { position: number; brokerTimeMs: number; host?: string },
): CloudEvent => {
  const { type, ...data } = event as Event & Record<string, unknown>
  const job = 'job' in event ? event.job : undefined
  const attempt = 'attempt' in event ? event.attempt : undefined
  const subject =
    job === undefined
      ? where.host
        ? `host/${where.host}`
        : 'cell'
      : attempt === undefined
        ? job
        : attemptIdOf(job, attempt)
  return {
    specversion: '1.0',
    id: commit.events.length === 1 ? commit.id : `${commit.id}/${where.position % positionFactor}`,
    type: cloudEventType(type),
    source: commit.source,
    subject,
    time: new Date(where.brokerTimeMs).toISOString(),
    datacontenttype: 'application/json',
    ...(commit.actor === undefined ? {} : { actor: commit.actor }),
    ...(commit.correlation === undefined ? {} : { correlationid: commit.correlation }),
    ...(commit.trace === undefined ? {} : { traceparent: commit.trace }),
    ...(commit.epoch === undefined ? {} : { epoch: commit.epoch }),
    position: where.position,
    // Last, so that no event can pass for another host's: the subject is what the broker's permissions enforce.
    data: where.host === undefined ? data : { ...data, host: where.host },
  }
}

/** Reads a foreign CloudEvent: a job's client event whose `data` holds the event's fields. */
export const cloudEventToCommit = (
  subject: LogSubject,
  value: Record<string, unknown>,
): { commit: Record<string, unknown> } | { faults: Fault[]; reason: 'schema' | 'unknown-version' } => {
  const fault = (pointer: string, message: string, reason: 'schema' | 'unknown-version' = 'schema') => ({
    faults: [{ pointer, message }],
    reason,
  })
  if (subject.kind !== 'job') return fault('', 'A CloudEvent may only be published on a job subject.')
  if (value['specversion'] !== '1.0')
    return fault('/specversion', 'Only CloudEvents 1.0 is known here.', 'unknown-version')
  for (const field of ['id', 'source', 'type'] as const) {
    if (typeof value[field] !== 'string' || value[field] === '')
      return fault(`/${field}`, 'Expected a non-empty string.')
  }
  const type = typePattern.exec(value['type'] as string)?.[1] ?? ''
  if (!Object.hasOwn(eventDefinitions, type) || value['type'] !== cloudEventType(type as EventType))
    return fault('/type', `Event type ${JSON.stringify(value['type'])} is not known here.`, 'unknown-version')
  const data = value['data']
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return fault('/data', 'Expected an object.')
  const time = typeof value['time'] === 'string' ? Date.parse(value['time']) : Number.NaN
  const text = (name: string, key: string) => (typeof value[name] === 'string' ? { [key]: value[name] } : {})
  return {
    commit: {
      v: 1,
      id: value['id'],
      source: value['source'],
      ...text('actor', 'actor'),
      ...text('correlationid', 'correlation'),
      ...text('traceparent', 'trace'),
      time: Number.isNaN(time) ? 0 : time,
      // The subject says which job; `data` may repeat it, as in events that Millrace itself renders.
      events: [{ job: subject.job, ...data, type }],
    },
  }
}

const foreignNames: Record<string, string> = { '/correlation': '/correlationid', '/trace': '/traceparent' }

/** JSON pointer into a commit that `cloudEventToCommit` made → pointer into the CloudEvent that was sent. */
export const foreignPointer = (pointer: string): string => {
  if (pointer === '/events/0/type') return '/type'
  return pointer.startsWith('/events/0')
    ? `/data${pointer.slice('/events/0'.length)}`
    : (foreignNames[pointer] ?? pointer)
}
