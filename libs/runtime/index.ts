/** What every process needs and no decision may: clocks, ids, life cycle, logging. */
export * from './clock.ts'
export * from './logging.ts'
export * from './main.ts'
export * from './service.ts'
