/** Everything under `schemas/generated/` that is made from the schemas alone: path → text. Pure. */
import { eventDefinitions } from '../events/index.ts'
import { asyncApiDocument } from './asyncapi.ts'
import { eventCatalogue } from './catalogue.ts'
import { cloudEventSchema, commitSchema, eventSchema, eventTypes, fullName, jobSpecSchema } from './json-schema.ts'
import { limitsTable, reasonsTable } from './tables.ts'

/** Made by the gateway (services/gateway/generate-openapi.ts), which knows its routes. */
export const openApiFile = 'openapi.json'

export const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** `version` of the package; `limitsSource`: the text of limits.ts, whose comments are the reasons of the limits. */
export const generatedFiles = ({
  version,
  limitsSource,
}: {
  version: string
  limitsSource: string
}): Map<string, string> => {
  const files = new Map<string, string>()
  for (const type of eventTypes) {
    const name = `${fullName(type)}.v${eventDefinitions[type].version}.json`
    files.set(`events/${name}`, jsonText(eventSchema(type)))
    files.set(`cloudevents/${name}`, jsonText(cloudEventSchema(type)))
  }
  files.set('commit.v1.json', jsonText(commitSchema()))
  files.set('job-spec.v1.json', jsonText(jobSpecSchema()))
  files.set('asyncapi.json', jsonText(asyncApiDocument(version)))
  files.set('event-catalogue.md', eventCatalogue())
  files.set('reasons.md', reasonsTable())
  files.set('limits.md', limitsTable(limitsSource))
  return files
}
