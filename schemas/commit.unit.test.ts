import { describe, expect, test } from 'vitest'
import { type Commit, decodeMessage, encodeCommit, eventFaults } from './commit.ts'
import { type Event, eventDefinitions } from './events/index.ts'
import { exampleCommit, exampleEvent } from './generate/examples.ts'
import { eventTypes } from './generate/json-schema.ts'
import { limits } from './limits.ts'
import { subjectsOf } from './subjects.ts'

const subjects = subjectsOf('mr')
const bytesOf = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const decode = (subject: string, value: unknown) => decodeMessage(subjects.parse(subject)!, bytesOf(value))
const header: Omit<Commit, 'events'> = { v: 1, id: 'x', source: 'test', time: 0 }
const submitted = (job: string, spec: object = { command: ['true'] }): Event =>
  ({ type: 'submitted', job, spec }) as Event
/** What a message that is not taken is answered with: `reason pointer`. */
const refusal = (subject: string, value: unknown): string => {
  const decoded = decode(subject, value)
  return decoded.kind === 'commit' ? 'taken' : `${decoded.reason} ${decoded.faults[0]?.pointer}`
}

describe('every event', () => {
  test.each(eventTypes)('%s: the example passes through the codec unchanged', (type) => {
    const { subject, commit } = exampleCommit(type)
    expect(decodeMessage(subjects.parse(subject)!, encodeCommit(commit))).toEqual({ kind: 'commit', commit })
    expect(eventFaults(type, exampleEvent(type))).toEqual([])
  })

  test.each(eventTypes)('%s: unknown fields of a newer writer are kept', (type) => {
    const { subject, commit } = exampleCommit(type)
    const newer = { ...commit, lane: 'b', events: [{ ...commit.events[0], colour: { r: 1 } }] }
    expect(decode(subject, newer)).toEqual({ kind: 'commit', commit: newer })
  })

  test.each(eventTypes)('%s: has no effect on a subject of another writer', (type) => {
    for (const other of eventTypes) {
      if (eventDefinitions[other].writer === eventDefinitions[type].writer) continue
      expect(refusal(exampleCommit(other).subject, exampleCommit(type).commit)).toBe('schema /events/0/type')
    }
  })

  test.each(eventTypes)('%s: without one of its fields is refused at that field', (type) => {
    const { subject, commit } = exampleCommit(type)
    const required = (eventDefinitions[type].schema['required'] as string[]).filter((field) => field !== 'type')
    for (const field of required) {
      const event = { ...commit.events[0] } as Record<string, unknown>
      delete event[field]
      expect(refusal(subject, { ...commit, events: [event] })).toBe(`schema /events/0/${field}`)
    }
  })
})

describe('encodeCommit is strict', () => {
  const encode = (commit: unknown) => () => encodeCommit(commit as Commit)

  test('over a limit: RangeError, so that the caller splits', () => {
    expect(encode({ ...header, events: [] })).toThrow(RangeError)
    const many = Array.from({ length: limits.commitEventsMax + 1 }, () => submitted('a'))
    expect(encode({ ...header, events: many })).toThrow(RangeError)
    const long = { command: ['x', 'y'.repeat(limits.argumentBytesMax)] }
    expect(encode({ ...header, events: Array.from({ length: 4 }, () => submitted('a', long)) })).toThrow(RangeError)
  })

  test.each<[string, unknown]>([
    ['/id', { ...header, id: '', events: [submitted('a')] }],
    ['/time', { ...header, time: 1.5, events: [submitted('a')] }],
    ['/time', { ...header, time: Number.NaN, events: [submitted('a')] }],
    ['/epoch', { ...header, epoch: -1, events: [submitted('a')] }],
    ['/events/0/job', { ...header, events: [submitted('a.b')] }],
    ['/events/1/type', { ...header, events: [submitted('a'), { type: 'constructor', job: 'a' }] }],
    ['/events/0/attempt', { ...header, events: [{ ...exampleEvent('claimed'), attempt: 0 }] }],
    ['/events/0/spec/command', { ...header, events: [submitted('a', { command: [] })] }],
  ])('what no reader would take: TypeError that names %s', (pointer, commit) => {
    expect(encode(commit)).toThrow(TypeError)
    expect(encode(commit)).toThrow(`${pointer}:`)
  })
})

describe('what does not fit is refused with its place', () => {
  const on = 'mr.job.a.submitted'
  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'schema '],
    ['nothing', '', 'schema '],
    ['an array', [], 'schema '],
    ['null', 'null', 'schema '],
    ['a text', '"x"', 'schema '],
    ['no version', {}, 'unknown-version /v'],
    ['another version', { ...header, v: 2, events: [submitted('a')] }, 'unknown-version /v'],
    ['a version that is an object', { v: { toString: 1 } }, 'unknown-version /v'],
    ['no events', { ...header }, 'schema /events'],
    ['an empty list', { ...header, events: [] }, 'schema /events'],
    ['events that are none', { ...header, events: [null] }, 'schema /events/0'],
    ['an event that is a list', { ...header, events: [[]] }, 'unknown-version /events/0/type'],
    ['an unknown type', { ...header, events: [{ type: 'paused', job: 'a' }] }, 'unknown-version /events/0/type'],
    ['too many events', { ...header, events: new Array(4097).fill(0) }, 'too-large /events'],
    ['a time that no calendar has', { ...header, time: 1e300, events: [submitted('a')] }, 'schema /time'],
    ['the job of another subject', { ...header, events: [submitted('b')] }, 'schema /events/0/job'],
    [
      'a job that is an object',
      { ...header, events: [{ type: 'submitted', job: { toString: 1 } }] },
      'schema /events/0/job',
    ],
    [
      'the type of another subject',
      { ...header, events: [{ type: 'cancel-requested', job: 'a' }] },
      'schema /events/0/type',
    ],
    [
      'a fault of the spec',
      { ...header, events: [submitted('a', { command: [''] })] },
      'schema /events/0/spec/command/0',
    ],
    [
      'an attempt that is none, where none belongs',
      { ...header, events: [{ ...submitted('a'), attempt: [{ toString: 1 }] }] },
      'schema /events/0/attempt',
    ],
    [
      'a spec over its limit',
      { ...header, events: [submitted('a', { command: Array.from({ length: 3 }, () => 'x'.repeat(60_000)) })] },
      'too-large /events/0/spec',
    ],
    ['a message over its limit', `{"x":"${'x'.repeat(limits.commitBytesMax)}"}`, 'too-large '],
    ['brackets without end', `{"v":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'too-large '],
  ])('%s', (_, value, expected) => {
    expect(refusal(on, value)).toBe(expected)
  })

  test('the answer names the job of the subject, and of no other message', () => {
    expect(decode(on, '{')).toMatchObject({ job: 'a' })
    expect(decode('mr.batch.b.submitted', '{')).toMatchObject({ job: null })
    expect(decode('mr.host.h.facts', '{')).toMatchObject({ job: null })
  })

  test('a batch holds submissions only, and one bad one refuses all', () => {
    const batch = 'mr.batch.b.submitted'
    expect(decode(batch, { ...header, events: [submitted('a'), submitted('b')] }).kind).toBe('commit')
    expect(refusal(batch, { ...header, events: [submitted('a'), exampleEvent('cancel-requested')] })).toBe(
      'schema /events/1/type',
    )
    expect(refusal(batch, { ...header, events: [submitted('a'), submitted('b', {})] })).toBe(
      'schema /events/1/spec/command',
    )
  })

  test('bytes that are no UTF-8', () => {
    const bytes = bytesOf({ ...header, events: [submitted('a', { command: ['xx'] })] })
    bytes[bytes.lastIndexOf(0x78)] = 0xff
    expect(decodeMessage(subjects.parse(on)!, bytes)).toMatchObject({ kind: 'malformed', reason: 'schema', job: 'a' })
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'])('a type called %s', (type) => {
    const decoded = decode(
      `mr.job.a.${type}`,
      `{"v":1,"id":"x","source":"t","time":0,"events":[{"type":"${type}","job":"a"}]}`,
    )
    expect(decoded).toMatchObject({ kind: 'malformed', reason: 'unknown-version' })
  })

  test('brackets inside texts are no nesting', () => {
    const text = `"${'[{'.repeat(200)}\\"[[`.repeat(3)
    expect(decode(on, { ...header, events: [submitted('a', { command: ['x', text] })] }).kind).toBe('commit')
  })

  test('faults are few and short, whatever was sent', () => {
    const labels = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`${'n'.repeat(90)}${n}`, 5]))
    const decoded = decode(on, { ...header, events: [submitted('a', { command: ['x'], labels })] })
    expect(decoded.kind).toBe('malformed')
    const { faults } = decoded as { faults: { pointer: string; message: string }[] }
    expect(faults.length).toBeLessThanOrEqual(limits.faultsPerRejectionMax)
    for (const { pointer, message } of faults)
      expect(pointer.length + message.length).toBeLessThanOrEqual(2 * limits.faultTextMax)
  })
})
