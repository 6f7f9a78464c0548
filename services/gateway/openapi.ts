/** The OpenAPI 3.1 document of the gateway, for generation and tests: no broker, no port, no clock. */
import type { Transport } from '#client'
import { buildApp } from './app.ts'

/** Always the same for the same source. */
export const openApiDocument = async (): Promise<Record<string, unknown>> => {
  const transport = { close: async () => {} } as unknown as Transport
  const app = await buildApp(transport, () => false, {})
  await app.ready()
  try {
    return JSON.parse(JSON.stringify(app.swagger())) as Record<string, unknown>
  } finally {
    await app.close()
  }
}
