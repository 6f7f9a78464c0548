/** What tests and generators use of the gateway. */
export { buildGateway, type GatewayOptions } from './app.ts'
export { openApiDocument } from './openapi.ts'
