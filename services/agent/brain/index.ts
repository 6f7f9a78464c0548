/** The brain of the agent: see brain.ts for its rules. */
export { step } from './brain.ts'
export type { Input, LogInput, Output, StartOrder } from './io.ts'
export { compactRecords, fold, type SpoolRecord } from './records.ts'
export { type Brain, type Identity, isQuiet, newBrain } from './state.ts'
