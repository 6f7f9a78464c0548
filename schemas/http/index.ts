/** Bodies and parameters of the HTTP interface: TypeBox only, so that OpenAPI, gateway and SDK share one source. */
export * from './jobs.ts'
export * from './problem.ts'
export * from './streams.ts'
