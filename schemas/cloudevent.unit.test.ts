import { describe, expect, test } from 'vitest'
import { cloudEventType, toCloudEvent } from './cloudevent.ts'
import { decodeMessage } from './commit.ts'
import { type EventType, eventDefinitions } from './events/index.ts'
import { exampleCloudEvent, exampleCommit, exampleEvent, examplePublished } from './generate/examples.ts'
import { eventTypes, typesOf } from './generate/json-schema.ts'
import { positionOf } from './limits.ts'
import { subjectsOf } from './subjects.ts'

const subjects = subjectsOf('mr')
const decode = (subject: string, value: unknown) =>
  decodeMessage(subjects.parse(subject)!, new TextEncoder().encode(JSON.stringify(value)))
const clientTypes = typesOf('client')
const where = { position: positionOf(7, 0), brokerTimeMs: 1_795_000_000_000 }

describe('reading at the edges', () => {
  test.each(eventTypes)('%s has a stable type, and its fields in data', (type) => {
    const event = exampleCloudEvent(type)
    expect(event.type).toBe(`millrace.${eventDefinitions[type].aggregate}.${type}.v1`)
    expect(event.specversion).toBe('1.0')
    const { type: _type, ...fields } = exampleEvent(type)
    expect(event.data).toMatchObject(fields)
    expect(Date.parse(event.time)).toBeGreaterThan(0)
  })

  test('each event of a commit has an id and a position of its own', () => {
    const { commit } = exampleCommit('claimed')
    const event = exampleEvent('claimed')
    // The same object twice, as a writer may hand it over: its place is told by the position.
    const pair = { ...commit, events: [event, event] }
    const ids = pair.events.map(
      (each, index) => toCloudEvent(pair, each, { ...where, position: positionOf(7, index) }).id,
    )
    expect(ids).toEqual([`${commit.id}/0`, `${commit.id}/1`])
    expect(toCloudEvent(commit, event, where).id).toBe(commit.id)
  })

  test('an event can’t pass for that of another host', () => {
    const { commit } = exampleCommit('claimed')
    const liar = { ...(exampleEvent('claimed') as object), host: 'other' } as object as ReturnType<typeof exampleEvent>
    expect(toCloudEvent(commit, liar, { ...where, host: 'h1' }).data['host']).toBe('h1')
  })
})

describe('publishing', () => {
  test.each(clientTypes)('%s: what is read at the edges can be published as it is', (type) => {
    const { subject, commit } = exampleCommit(type)
    const decoded = decode(subject, exampleCloudEvent(type))
    expect(decoded).toEqual({ kind: 'commit', commit: { ...commit, time: commit.time + 1 } })
  })

  test.each(clientTypes)('%s: the least that a client has to say', (type) => {
    const { subject, commit } = exampleCommit(type)
    expect(decode(subject, examplePublished(type))).toEqual({ kind: 'commit', commit: { ...commit, time: 0 } })
  })

  test('extensions travel along; those of another form are passed over', () => {
    const published = {
      ...examplePublished('submitted'),
      correlationid: 'c1',
      traceparent: '00-1',
      actor: 5,
      colour: 'red',
    }
    const decoded = decode('mr.job.a.submitted', published)
    expect(decoded).toMatchObject({ kind: 'commit', commit: { correlation: 'c1', trace: '00-1' } })
    expect(decoded.kind === 'commit' && 'actor' in decoded.commit).toBe(false)
  })
})

describe('what is refused, with pointers into what was sent', () => {
  const sound = examplePublished('submitted')
  const on = 'mr.job.a.submitted'
  const refusal = (subject: string, value: unknown): string => {
    const decoded = decode(subject, value)
    return decoded.kind === 'commit' ? 'taken' : `${decoded.reason} ${decoded.faults[0]?.pointer}`
  }
  test.each<[string, object, string]>([
    ['another CloudEvents version', { ...sound, specversion: '0.3' }, 'unknown-version /specversion'],
    ['no id', { ...sound, id: '' }, 'schema /id'],
    ['an id over its limit', { ...sound, id: 'x'.repeat(257) }, 'schema /id'],
    ['no source', { ...sound, source: 7 }, 'schema /source'],
    ['no type', { ...sound, type: undefined }, 'schema /type'],
    ['a foreign type', { ...sound, type: 'shop.order.made' }, 'unknown-version /type'],
    ['a newer version', { ...sound, type: 'millrace.job.submitted.v2' }, 'unknown-version /type'],
    ['another aggregate', { ...sound, type: 'millrace.host.submitted.v1' }, 'unknown-version /type'],
    ['a prototype’s name', { ...sound, type: 'millrace.job.constructor.v1' }, 'unknown-version /type'],
    ['no data', { ...sound, data: undefined }, 'schema /data'],
    ['data that is a list', { ...sound, data: [] }, 'schema /data'],
    ['data in base64', { ...sound, data: 'e30=' }, 'schema /data'],
    ['a trace over its limit', { ...sound, traceparent: 'x'.repeat(65) }, 'schema /traceparent'],
    ['a correlation over its limit', { ...sound, correlationid: 'x'.repeat(129) }, 'schema /correlationid'],
    ['no command', { ...sound, data: { spec: {} } }, 'schema /data/spec/command'],
    ['an empty program', { ...sound, data: { spec: { command: [''] } } }, 'schema /data/spec/command/0'],
    ['the job of another subject', { ...sound, data: { ...(sound['data'] as object), job: 'b' } }, 'schema /data/job'],
    ['the type of another subject', { ...sound, type: cloudEventType('cancel-requested') }, 'schema /type'],
    ['an event that is the scheduler’s', { ...sound, type: cloudEventType('finished') }, 'schema /type'],
  ])('%s', (_, value, expected) => {
    expect(refusal(on, value)).toBe(expected)
  })

  test('nothing but requests may be published in this form', () => {
    for (const type of eventTypes.filter((each: EventType) => eventDefinitions[each].writer !== 'client'))
      expect(refusal(exampleCommit(type).subject, exampleCloudEvent(type))).toBe('schema ')
    expect(refusal('mr.batch.b.submitted', sound)).toBe('schema ')
  })
})
