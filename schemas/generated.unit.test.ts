/** schemas/generated/ is what the schemas say now, and what it says is valid and true of every example. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import asyncApi from '@asyncapi/specs'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { eventDefinitions } from './events/index.ts'
import { exampleCloudEvent, exampleCommit, exampleEvent, examplePublished } from './generate/examples.ts'
import { generatedFiles, openApiFile } from './generate/files.ts'
import { eventTypes, fullName, typesOf, urnOf } from './generate/json-schema.ts'
import { limits } from './limits.ts'
import { reasons } from './reasons.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const folder = join(root, 'schemas/generated')
const read = (path: string): string => readFileSync(path, 'utf8')
const { version } = JSON.parse(read(join(root, 'package.json'))) as { version: string }
const files = generatedFiles({ version, limitsSource: read(join(root, 'schemas/limits.ts')) })

describe('stale (npm run generate)', () => {
  test('no file is missing, none is left over', () => {
    const stored = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    expect(stored.filter((name) => name !== openApiFile).sort()).toEqual([...files.keys()].sort())
  })

  test.each([...files])('%s', (name, text) => {
    expect(read(join(folder, name)) === text, `${name} is stale: npm run generate`).toBe(true)
  })
})

const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true })
formats.default(ajv)
for (const [name, text] of files)
  if (name !== 'asyncapi.json' && name.endsWith('.json')) ajv.addSchema(JSON.parse(text) as object)

const faultsOf = (schema: string, value: unknown): string[] => {
  const check = ajv.getSchema(schema)!
  check(value)
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

describe('JSON Schemas', () => {
  test.each(eventTypes)('%s: its example, as event, commit and CloudEvent', (type) => {
    expect(faultsOf(urnOf('event', fullName(type)), exampleEvent(type))).toEqual([])
    expect(faultsOf(urnOf('log', 'commit'), exampleCommit(type).commit)).toEqual([])
    expect(faultsOf(urnOf('cloudevent', fullName(type)), exampleCloudEvent(type))).toEqual([])
  })

  test.each(eventTypes)('%s: not what lacks a field', (type) => {
    for (const field of eventDefinitions[type].schema['required'] as string[]) {
      const { [field]: _left, ...rest } = eventDefinitions[type].example
      expect(faultsOf(urnOf('event', fullName(type)), rest).length).toBeGreaterThan(0)
    }
  })

  test.each(typesOf('client'))('%s: the least that a foreign client publishes', (type) => {
    expect(faultsOf(urnOf('cloudevent', fullName(type)), examplePublished(type))).toEqual([])
  })

  test('a spec with a fault is refused as the scheduler refuses it', () => {
    const spec = urnOf('job', 'spec')
    expect(faultsOf(spec, { command: ['true'], labels: { a: 'b' } })).toEqual([])
    for (const bad of [
      {},
      { command: [] },
      { command: ['x'], cpus: -1 },
      { command: ['x'], env: { '1': 'x' } },
      { command: ['x'], x: 1 },
    ])
      expect(faultsOf(spec, bad).length, JSON.stringify(bad)).toBeGreaterThan(0)
  })
})

describe('AsyncAPI', () => {
  type Message = { name: string; payload: object; examples?: { payload: unknown }[] }
  const document = JSON.parse(files.get('asyncapi.json')!) as {
    channels: Record<string, { address: string | null; messages: Record<string, Message> }>
    operations: Record<string, { channel: { $ref: string }; reply?: { channel: { $ref: string } } }>
  }

  test('is a valid 3.0.0 document', () => {
    const check = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(
      asyncApi.schemasWithoutId['3.0.0'] as object,
    )
    check(document)
    expect(check.errors ?? []).toEqual([])
  })

  const draft7 = new Ajv({ strict: false, allErrors: true })
  formats.default(draft7)
  // `id` of an AsyncAPI document means something else to a schema validator.
  const { id: _id, ...schema } = document as Record<string, unknown>
  draft7.addSchema(schema, 'asyncapi')
  const messages = Object.entries(document.channels).flatMap(([channel, { messages: held }]) =>
    Object.keys(held).map((name) => [channel, name] as const),
  )
  test.each(messages)('%s/%s: examples fit their payload', (channel, name) => {
    const check = draft7.compile({ $ref: `asyncapi#/channels/${channel}/messages/${name}/payload` })
    for (const { payload } of document.channels[channel]!.messages[name]!.examples ?? [])
      expect(check(payload), JSON.stringify(check.errors)).toBe(true)
  })

  test('each operation leads to a channel, each stored event has one with its example', () => {
    for (const { channel, reply } of Object.values(document.operations))
      for (const { $ref } of reply ? [channel, reply.channel] : [channel])
        expect(Object.keys(document.channels)).toContain($ref.replace('#/channels/', ''))
    const shown = Object.values(document.channels).flatMap(({ messages: held }) =>
      Object.values(held).flatMap((message) =>
        (message.examples ?? []).map((example) => JSON.stringify(example.payload)),
      ),
    )
    for (const type of eventTypes) expect(shown).toContain(JSON.stringify(exampleCommit(type).commit))
  })

  test('each parameter in an address is described', () => {
    for (const [name, channel] of Object.entries(document.channels)) {
      const used = [...(channel.address ?? '').matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
      expect(Object.keys((channel as { parameters?: object }).parameters ?? {}), name).toEqual(used)
    }
  })
})

describe('pages', () => {
  test('the catalogue has each event and field, the tables each reason and limit', () => {
    const catalogue = files.get('event-catalogue.md')!
    for (const type of eventTypes) {
      expect(catalogue).toContain(`### ${type}\n`)
      for (const field of Object.keys(eventDefinitions[type].schema['properties'] as object))
        if (field !== 'type') expect(catalogue).toContain(`| \`${field}\` |`)
    }
    for (const code of Object.keys(reasons)) expect(files.get('reasons.md')).toContain(`| \`${code}\` |`)
    for (const name of Object.keys(limits)) expect(files.get('limits.md')).toContain(`| \`${name}\` |`)
  })

  test('no host outside this machine is named, but the dialect’s and the licence’s', () => {
    for (const [name, text] of files)
      for (const [url] of text.matchAll(/https?:\/\/[^"\s)]+/g))
        expect(url, name).toBe('https://json-schema.org/draft/2020-12/schema')
  })
})
