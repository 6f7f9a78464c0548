import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApiDocument } from './openapi.ts'

const stored = readFileSync(new URL('../../schemas/generated/openapi.json', import.meta.url), 'utf8')

test('schemas/generated/openapi.json is what the gateway has now (npm run generate)', async () => {
  expect(JSON.parse(stored)).toEqual(await openApiDocument())
})

test('it is valid OpenAPI 3.1, and every reference in it leads somewhere', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(JSON.parse(stored))
  expect(errors ?? []).toEqual([])
  expect(valid).toBe(true)
  expect(validator.version).toBe('3.1')
  const document = JSON.parse(stored) as Record<string, unknown>
  for (const [, pointer] of stored.matchAll(/"\$ref": "#\/([^"]+)"/g)) {
    const target = pointer!
      .split('/')
      .reduce<unknown>(
        (part, name) => (part as Record<string, unknown> | undefined)?.[name.replaceAll('~1', '/')],
        document,
      )
    expect(target, pointer).toBeDefined()
  }
})

test('every operation says what it is for', async () => {
  const { paths } = (await openApiDocument()) as { paths: Record<string, Record<string, { summary?: string }>> }
  const bare = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { summary }]) => !summary)
      .map(([method]) => `${method} ${path}`),
  )
  expect(bare).toEqual([])
})
