/**
 * TypeBox schemas as plain JSON Schema (draft 2020-12): one document for each event, the commit, the job spec, and
 * the CloudEvent of each event as it is published and read at the edges. Pure: values in, values out.
 */
import { cloudEventType } from '../cloudevent.ts'
import { CommitHeader } from '../commit.ts'
import { type EventType, eventDefinitions, type Writer } from '../events/index.ts'
import { JobSpec } from '../jobspec.ts'
import { limits } from '../limits.ts'
import { HostId } from '../names.ts'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }

export const dialect = 'https://json-schema.org/draft/2020-12/schema'
export const eventTypes = Object.keys(eventDefinitions) as EventType[]
export const typesOf = (writer: Writer): EventType[] =>
  eventTypes.filter((type) => eventDefinitions[type].writer === writer)

/** `submitted` → `job.submitted`: how an event is called in file names, ids and CloudEvents. */
export const fullName = (type: EventType): string => `${eventDefinitions[type].aggregate}.${type}`
export const urnOf = (kind: string, name: string): string => `urn:millrace:${kind}:${name}:v1`

/** Says what stands in place of a schema that has a name (`$id`) of its own. */
export type Refer = (name: string) => string
export const toDefs: Refer = (name) => `#/$defs/${name}`

/** TypeBox's form → JSON: named parts become references, unions of constants become `enum`. */
export const plain = (schema: object, refer: Refer = toDefs): JsonObject => {
  const copy = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(copy)
    if (typeof value !== 'object' || value === null) return value
    if (typeof value['$id'] === 'string') return { $ref: refer(value['$id']) }
    return members(value)
  }
  const members = (value: JsonObject): JsonObject => {
    const { $id: _name, ...rest } = value
    const constants = constantsOf(rest['anyOf'])
    if (!constants) return Object.fromEntries(Object.entries(rest).map(([name, part]) => [name, copy(part)]))
    const { anyOf: _anyOf, ...others } = rest
    return { ...others, enum: constants }
  }
  return members(JSON.parse(JSON.stringify(schema)) as JsonObject)
}

const constantsOf = (anyOf: Json | undefined): Json[] | null => {
  if (!Array.isArray(anyOf)) return null
  const found = anyOf.map((part) =>
    part !== null && typeof part === 'object' && 'const' in part ? part['const'] : null,
  )
  return found.every((constant) => constant !== null) ? (found as Json[]) : null
}

const usesJobSpec = (schema: JsonObject): boolean => JSON.stringify(schema).includes(toDefs('JobSpec'))

const documentOf = (kind: string, name: string, title: string, schema: JsonObject): JsonObject => ({
  $schema: dialect,
  $id: urnOf(kind, name),
  title,
  ...schema,
  ...(usesJobSpec(schema) ? { $defs: { JobSpec: plain(JobSpec) } } : {}),
})

export const eventSchema = (type: EventType): JsonObject => {
  const { schema, example } = eventDefinitions[type]
  return documentOf('event', fullName(type), fullName(type), { ...plain(schema), examples: [example as JsonObject] })
}

export const jobSpecSchema = (): JsonObject => documentOf('job', 'spec', 'JobSpec', plain(JobSpec))

/** A commit whose events are of these types. */
export const commitOf = (types: readonly EventType[], refer: Refer): JsonObject => {
  const header = plain(CommitHeader, refer) as { required: string[]; properties: JsonObject }
  const events = types.map((type) => ({ $ref: refer(type) }))
  return {
    ...header,
    required: [...header.required, 'events'],
    properties: {
      ...header.properties,
      events: {
        type: 'array',
        minItems: 1,
        maxItems: limits.commitEventsMax,
        items: events.length === 1 ? events[0]! : { anyOf: events },
      },
    },
  }
}

export const commitSchema = (): JsonObject => ({
  $schema: dialect,
  $id: urnOf('log', 'commit'),
  title: 'Commit',
  description: `One LOG message: one or more events, atomic, at most ${limits.commitBytesMax} bytes and ${limits.nestingMax} levels deep.`,
  ...commitOf(eventTypes, toDefs),
  $defs: {
    JobSpec: plain(JobSpec),
    ...Object.fromEntries(eventTypes.map((type) => [type, plain(eventDefinitions[type].schema)])),
  },
})

const text = (description: string, more: JsonObject = {}): JsonObject => ({ type: 'string', description, ...more })

/** What is in `data`: the event without its type; the job may be left to the subject, the host always stands there. */
const cloudEventData = (type: EventType, refer: Refer): JsonObject => {
  const { schema, writer } = eventDefinitions[type]
  const { required, properties, ...rest } = plain(schema, refer) as { required: string[]; properties: JsonObject }
  const { type: _type, ...fields } = properties
  const hosted = writer === 'order' || writer === 'fact'
  const needed = required.filter((name) => name !== 'type' && !(writer === 'client' && name === 'job'))
  return {
    ...rest,
    ...(needed.length + Number(hosted) === 0 ? {} : { required: [...needed, ...(hosted ? ['host'] : [])] }),
    properties: { ...fields, ...(hosted ? { host: plain(HostId) } : {}) },
  }
}

/** Clients' events may be published in this form; the others are only ever read in it (SSE, exports, SDK). */
export const cloudEventOf = (type: EventType, refer: Refer): JsonObject => {
  const isPublished = eventDefinitions[type].writer === 'client'
  const required = ['specversion', 'id', 'source', 'type', 'data']
  return {
    description: eventDefinitions[type].schema.description ?? '',
    type: 'object',
    required: isPublished ? required : [...required, 'subject', 'time', 'position'],
    properties: {
      specversion: { const: '1.0', type: 'string' },
      id: text('Unique in its source; also the Nats-Msg-Id.', { minLength: 1, maxLength: 256 }),
      source: text('Who writes, e.g. shop/orders.', { minLength: 1, maxLength: 128 }),
      type: { const: cloudEventType(type), type: 'string' },
      subject: text('Job, attempt, `host/<id>` or `cell`. A publisher may leave it out: the NATS subject counts.'),
      time: text("RFC 3339. From a publisher: display only. When read: the broker's time.", { format: 'date-time' }),
      datacontenttype: { const: 'application/json', type: 'string' },
      actor: text('Who asked for it.', { maxLength: 256 }),
      correlationid: text('What belongs together.', { maxLength: 128 }),
      traceparent: text('W3C trace context.', { maxLength: 64 }),
      epoch: { type: 'integer', minimum: 0, description: "The leader's epoch; only on decisions and orders." },
      position: { type: 'integer', minimum: 0, description: 'LOG sequence × 4096 + index; ignored from a publisher.' },
      data: cloudEventData(type, refer),
    },
  }
}

export const cloudEventSchema = (type: EventType): JsonObject =>
  documentOf('cloudevent', fullName(type), cloudEventType(type), cloudEventOf(type, toDefs))
