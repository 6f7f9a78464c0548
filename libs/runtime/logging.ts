/** Logging: pino, one JSON line an event, to stderr. Tests and `up` choose level and destination by environment. */
import { pino } from 'pino'

export type Logger = pino.Logger

/** A logger for one service. Level from MILLRACE_LOG_LEVEL (default info). Writes synchronously: a crash loses nothing. */
export const newLogger = (service: string, level = process.env['MILLRACE_LOG_LEVEL'] ?? 'info'): Logger =>
  pino(
    { base: { service, pid: process.pid }, level, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  )
