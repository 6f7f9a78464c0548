/** The event catalogue in Markdown: who writes each event, where it stands, what it means, its fields, an example. Pure. */
import { type EventType, eventDefinitions, type Writer } from '../events/index.ts'
import { JobSpec } from '../jobspec.ts'
import { exampleCloudEvent, exampleCommit, subjectFor } from './examples.ts'
import { eventTypes, fullName, type Json, type JsonObject, plain, typesOf } from './json-schema.ts'
import { markdownTable } from './tables.ts'

const writers: Record<Writer, { title: string; who: string }> = {
  client: { title: 'Requests', who: 'clients' },
  decision: { title: 'Decisions', who: "the scheduler's leader" },
  order: { title: 'Orders', who: "the scheduler's leader" },
  fact: { title: 'Facts', who: "that host's agent" },
  control: { title: 'Control', who: 'schedulers' },
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `dueAt` → ms: units stand last in names; what has none has no unit. */
const unitOf = (name: string): string => {
  if (/Ms$|^at$|At$|^time$|^now$/.test(name)) return ' (ms)'
  if (/[bB]ytes(Max)?$/.test(name)) return ' (bytes)'
  return name === 'cpuMilli' ? ' (1/1000 CPU)' : ''
}

const boundsOf = ({ minimum, maximum, minLength, maxLength, maxItems, pattern }: JsonObject): string =>
  [
    minimum === undefined ? '' : ` ≥ ${minimum}`,
    maximum === undefined ? '' : ` ≤ ${maximum}`,
    maxLength === undefined ? '' : `, ${minLength ?? 0} to ${maxLength} characters`,
    maxItems === undefined ? '' : `, at most ${maxItems}`,
    pattern === undefined ? '' : ` like \`${pattern}\``,
  ].join('')

const typeOf = (schema: JsonObject): string => {
  if (typeof schema['$ref'] === 'string') return schema['$ref'].split('/').at(-1)!
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => `\`${JSON.stringify(value)}\``).join(' or ')
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((part) => typeOf(part as JsonObject)).join(' or ')
  if (schema['type'] === 'array')
    return `array of ${isObject(schema['items']) ? typeOf(schema['items']) : 'anything'}${boundsOf(schema)}`
  if (isObject(schema['patternProperties']))
    return `object of ${typeOf(Object.values(schema['patternProperties'])[0] as JsonObject)}`
  return `${(schema['type'] as string | undefined) ?? 'anything'}${boundsOf(schema)}`
}

/** One row for each field, fields of nested objects with a dot (of arrays with `[]`). */
const rowsOf = (schema: JsonObject, prefix = ''): string[][] => {
  const required = new Set((schema['required'] as string[] | undefined) ?? [])
  return Object.entries((schema['properties'] as JsonObject | undefined) ?? {}).flatMap(([name, part]) => {
    if (prefix === '' && name === 'type') return []
    const field = part as JsonObject
    const path = `${prefix}${name}`
    const mark = required.has(name) ? 'yes' : ''
    const row = [`\`${path}\``, typeOf(field) + unitOf(name), mark, String(field['description'] ?? '')]
    const inner = isObject(field['items']) ? rowsOf(field['items'], `${path}[].`) : rowsOf(field, `${path}.`)
    return [row, ...inner]
  })
}

const json = (value: unknown): string => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``

const sectionOf = (type: EventType): string => {
  const { schema, writer, version } = eventDefinitions[type]
  const subject = subjectFor(type, { job: '<jobId>', host: '<hostId>' })
  const batch = type === 'submitted' ? ', many at once on `mr.batch.<batchId>.submitted`' : ''
  return [
    `### ${type}`,
    `${schema.description ?? ''}`,
    `Written by ${writers[writer].who} on \`${subject}\`${batch}. Schema: [${fullName(type)}.v${version}](events/${fullName(type)}.v${version}.json), as a CloudEvent: [${exampleCloudEvent(type).type}](cloudevents/${fullName(type)}.v${version}.json).`,
    markdownTable(['field', 'type', 'always there', 'meaning'], rowsOf(plain(schema))),
    json(exampleCommit(type).commit),
  ].join('\n\n')
}

export const eventCatalogue = (): string =>
  [
    '# Event catalogue',
    'Made by `npm run generate` from `schemas/events/`; do not edit. Every state change of every job is one of these events in LOG. The example of each is a whole LOG message (a commit); a commit may hold many events of its subject. Readers pass over fields that they do not know.',
    markdownTable(
      ['event', 'written by', 'meaning'],
      eventTypes.map((type) => {
        const { writer, schema } = eventDefinitions[type]
        return [`[${type}](#${type})`, writers[writer].who, schema.description ?? '']
      }),
    ),
    ...(Object.keys(writers) as Writer[]).flatMap((writer) => [
      `## ${writers[writer].title}`,
      ...typesOf(writer).map(sectionOf),
    ]),
    '## JobSpec',
    `${JobSpec.description} Schema: [job-spec.v1](job-spec.v1.json).`,
    markdownTable(['field', 'type', 'always there', 'meaning'], rowsOf(plain(JobSpec))),
    '## As a CloudEvent',
    'How an event is read at the edges (SDK, HTTP, SSE, exports). A foreign client publishes the same form on the subject of a request; it may leave out all but `specversion`, `id`, `source`, `type` and `data`.',
    json(exampleCloudEvent('submitted')),
    '',
  ].join('\n\n')
