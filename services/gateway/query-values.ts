/** Query strings are text; the schemas want numbers and booleans. Turns only what is plainly one; the rest is refused. */
import type { TSchema } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'

export const coerceQuery = async (request: FastifyRequest): Promise<void> => {
  const schema = request.routeOptions.schema?.querystring as { properties?: Record<string, TSchema> } | undefined
  const query = request.query as Record<string, unknown>
  for (const [name, property] of Object.entries(schema?.properties ?? {})) {
    const value = query[name]
    if (typeof value === 'string') query[name] = coerced(value, property)
  }
}

const coerced = (value: string, schema: TSchema): unknown => {
  const types = (schema['anyOf'] as TSchema[] | undefined)?.map((one) => one['type']) ?? [schema['type']]
  if (types.includes('integer') && /^[0-9]{1,16}$/.test(value)) return Number(value)
  if (types.includes('boolean') && (value === 'true' || value === 'false')) return value === 'true'
  return value
}
