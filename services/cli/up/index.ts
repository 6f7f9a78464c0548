/** `millrace up`: everything on one machine. */
export { stopSignal, upCommand, upFlags, upOptions } from './command.ts'
export type { Ready, Running, UpOptions } from './options.ts'
export { up } from './up.ts'
