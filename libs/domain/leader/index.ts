/** Who leads: the pure machine of leadership liveness (the protocol stands in state.ts). */
export * from './state.ts'
export * from './step.ts'
