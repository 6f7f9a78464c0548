/**
 * The main function of each service's process: starts it, waits for a signal or a failure, stops it within a bound.
 * Prints one readiness line of JSON on stdout: {"ready":name,"pid":n,…}. Exit codes: 0 stopped, 1 failed, 5 no server, 75 (EX_TEMPFAIL) when it asks to be restarted.
 */
import type { Logger } from './logging.ts'
import { type Service, UserError } from './service.ts'

const stopLimitMs = 15_000

/** Runs until SIGINT, SIGTERM, the parent's disconnect (when there is an IPC channel) or a failure; then exits the process. */
export const runService = async (service: Service, log: Logger): Promise<never> => {
  let stopping = false
  const stop = async (exitCode: number) => {
    if (stopping) return
    stopping = true
    const limit = setTimeout(() => {
      log.error({ limitMs: stopLimitMs }, 'stop took too long')
      process.exit(exitCode || 1)
    }, stopLimitMs)
    await service.stop().catch((error) => log.error({ err: error }, 'stop failed'))
    clearTimeout(limit)
    process.exit(exitCode)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0))
  if (process.connected) process.on('disconnect', () => void stop(0))
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception')
    void stop(1)
  })
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'unhandled rejection')
    void stop(1)
  })
  try {
    await service.start()
    process.stdout.write(`${JSON.stringify({ ready: service.name, pid: process.pid, ...service.readiness?.() })}\n`)
  } catch (error) {
    const told = {
      code: codeOf(error),
      message: (error as Error).message,
      hint: error instanceof UserError ? error.hint : '',
    }
    log.fatal({ err: error, ...told }, 'start failed')
    process.stderr.write(
      `millrace: ${told.message}${told.message.endsWith('.') ? '' : '.'}${told.hint ? ` ${told.hint}` : ''}\n`,
    )
    // Whoever started this process (`up`) hears why in the same words.
    if (process.connected) process.send?.({ failed: told })
    await service.stop().catch(() => {})
    process.exit(exitCodeOf(error, told.code))
  }
  service.failed?.catch((error: unknown) => {
    log.fatal({ err: error }, 'failed')
    void stop(1)
  })
  return new Promise<never>(() => {})
}

const noServerCodes: readonly string[] = ['unreachable', 'no-stream', 'no-server']

const exitCodeOf = (error: unknown, code: string): number =>
  error instanceof UserError ? error.exitCode : noServerCodes.includes(code) ? 5 : 1

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? 'start-failed')
