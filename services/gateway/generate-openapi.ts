/** Second half of `npm run generate`: writes the gateway's routes to `schemas/generated/openapi.json`. Opens no port. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openApiDocument } from './openapi.ts'

const path = fileURLToPath(new URL('../../schemas/generated/openapi.json', import.meta.url))
writeFileSync(path, `${JSON.stringify(await openApiDocument(), null, 2)}\n`)
process.stdout.write('schemas/generated: openapi.json written\n')
