/** Any bytes on any subject: decodeMessage answers, never throws, and what it takes can be printed and written again. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cloudEventType, toCloudEvent } from './cloudevent.ts'
import { type Commit, decodeMessage, encodeCommit } from './commit.ts'
import { exampleCloudEvent, exampleCommit } from './generate/examples.ts'
import { eventTypes } from './generate/json-schema.ts'
import { subjectsOf } from './subjects.ts'

const subjects = subjectsOf('mr')
const encoder = new TextEncoder()
const found = eventTypes.map((type) => subjects.parse(exampleCommit(type).subject)!)
const subject = fc.constantFrom(...found, subjects.parse(subjects.batch('b'))!)

/** Reads, and does with what was taken what the services do with it. */
const survives = (on: (typeof found)[number], bytes: Uint8Array): 'commit' | 'malformed' => {
  const decoded = decodeMessage(on, bytes)
  const text = JSON.stringify(decoded)
  expect(text.length).toBeLessThan(8 * bytes.length + 20_000)
  if (decoded.kind === 'commit') {
    for (const event of decoded.commit.events)
      toCloudEvent(decoded.commit, event, { position: 4096, brokerTimeMs: 0, host: 'h' })
    expect(encodeCommit(decoded.commit).length).toBeGreaterThan(0)
  }
  return decoded.kind
}

test('20,000 random byte strings', () => {
  fc.assert(
    fc.property(subject, fc.uint8Array({ maxLength: 200 }), (on, bytes) => {
      survives(on, bytes)
    }),
    { numRuns: 20_000 },
  )
})

const pieces = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'null',
  '1e999',
  '-0',
  '1e300',
  '""',
  '"__proto__":',
  '"constructor":{},',
  '"toString":1,',
]

test('20,000 messages with bytes cut, doubled, flipped or put in', () => {
  const messages = eventTypes.flatMap((type) => [
    encodeCommit(exampleCommit(type).commit),
    encoder.encode(JSON.stringify(exampleCloudEvent(type))),
  ])
  const change = fc.record({
    kind: fc.constantFrom('cut', 'double', 'flip', 'put'),
    at: fc.nat(),
    length: fc.integer({ min: 1, max: 12 }),
    piece: fc.constantFrom(...pieces),
  })
  const taken = { commit: 0, malformed: 0 }
  fc.assert(
    fc.property(subject, fc.nat(), fc.array(change, { minLength: 1, maxLength: 3 }), (on, which, changes) => {
      let bytes = [...messages[which % messages.length]!]
      const own = found[Math.floor((which % messages.length) / 2)]!
      for (const { kind, at: anywhere, length, piece } of changes) {
        const at = anywhere % bytes.length
        if (kind === 'cut') bytes.splice(at, length)
        else if (kind === 'double') bytes.splice(at, 0, ...bytes.slice(at, at + length))
        else if (kind === 'flip') bytes[at] = bytes[at]! ^ (1 << (length % 8))
        else bytes.splice(at, 0, ...encoder.encode(piece))
        if (bytes.length === 0) bytes = [0x7b]
      }
      taken[survives(own, Uint8Array.from(bytes))]++
      survives(on, Uint8Array.from(bytes))
    }),
    { numRuns: 20_000 },
  )
  // The changes are small enough that both answers are met often; otherwise this test looks at one side only.
  expect(taken.commit).toBeGreaterThan(1_000)
  expect(taken.malformed).toBeGreaterThan(1_000)
})

const key = fc.oneof(
  fc.constantFrom(
    'v',
    'id',
    'source',
    'time',
    'events',
    'type',
    'job',
    'spec',
    'command',
    'labels',
    'env',
    'resources',
    'retries',
  ),
  fc.constantFrom(
    'attempt',
    'reason',
    'code',
    'specversion',
    'data',
    '__proto__',
    'constructor',
    'toString',
    'toJSON',
    '',
  ),
  fc.string({ maxLength: 5 }),
)
const leaf = fc.oneof(
  fc.constantFrom<unknown>(1, '1.0', 'a', '', null, true, -1, 1e300, ...eventTypes, ...eventTypes.map(cloudEventType)),
  fc.string({ maxLength: 8 }),
  fc.double(),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc
    .array(fc.tuple(key, tie('value')), { maxLength: 5 })
    // Own properties, `__proto__` too: as JSON.parse makes them.
    .map((entries) => Object.fromEntries(entries)),
}))

test('20,000 values of the right names and the wrong forms', () => {
  fc.assert(
    fc.property(subject, fc.nat(), key, value, (on, which, name, changed) => {
      const type = eventTypes[which % eventTypes.length]!
      const { commit } = exampleCommit(type)
      const event = Object.fromEntries([...Object.entries(commit.events[0]!), [name, changed]])
      const whole = Object.fromEntries([...Object.entries(commit), [name, changed]])
      const cloudEvent = Object.fromEntries([...Object.entries(exampleCloudEvent(type)), [name, changed]])
      const spec = Object.fromEntries([
        ['command', ['x']],
        [name, changed],
      ])
      const submission = { ...commit, events: [{ type: 'submitted', job: exampleJob(commit), spec }] }
      for (const candidate of [changed, whole, { ...commit, events: [event] }, cloudEvent, submission]) {
        const bytes = encoder.encode(JSON.stringify(candidate) ?? 'undefined')
        survives(found[which % found.length]!, bytes)
        survives(found[0]!, bytes)
        survives(on, bytes)
      }
    }),
    { numRuns: 20_000 / 5 },
  )
})

const exampleJob = (commit: Commit): string => {
  const event = commit.events[0]!
  return 'job' in event ? event.job : 'a'
}
