/** How a command fails: a sentence on stderr that says what to do, a stable code with --json, and the exit code of CONTRACT. */
import { CommanderError } from 'commander'
import { ClientError, JobFailedError } from '#client'
import { UserError } from '#runtime'
import type { Fault } from '#schemas'

export const exitCodes = {
  done: 0,
  jobFailed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  noServer: 5,
  timedOut: 124,
} as const

const exitCodeOf: Record<string, number> = {
  'not-found': exitCodes.notFound,
  'no-server': exitCodes.noServer,
  'broker-unreachable': exitCodes.noServer,
  'archive-unreachable': exitCodes.noServer,
  'not-yet': exitCodes.noServer,
  closed: exitCodes.noServer,
  'timed-out': exitCodes.timedOut,
  'ambiguous-id': exitCodes.usage,
  'bad-request': exitCodes.usage,
  'job-failed': exitCodes.jobFailed,
  internal: exitCodes.jobFailed,
}

export type Failure = { code: string; message: string; hint: string; exitCode: number; faults: readonly Fault[] }

/** What an error amounts to for the user. */
export const failureOf = (error: unknown): Failure => {
  if (error instanceof UserError) return { ...pick(error), hint: error.hint, exitCode: error.exitCode, faults: [] }
  if (error instanceof ClientError)
    return {
      ...pick(error),
      hint: error.hint,
      exitCode: exitCodeOf[error.code] ?? exitCodes.refused,
      faults: error.faults,
    }
  if (error instanceof JobFailedError) return { ...pick(error), hint: '', exitCode: 1, faults: error.faults }
  if (error instanceof CommanderError)
    return {
      code: 'usage',
      message: error.message.replace(/^error: /, ''),
      hint: 'See millrace --help.',
      exitCode: exitCodes.usage,
      faults: [],
    }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  if (process.env['MILLRACE_DEBUG']) process.stderr.write(`${stack}\n`)
  return {
    code: 'internal',
    message,
    hint: 'This is a fault of Millrace; MILLRACE_DEBUG=1 shows where.',
    exitCode: 1,
    faults: [],
  }
}

const pick = ({ code, message }: { code: string; message: string }) => ({ code, message })

const sentence = (text: string): string => (text === '' || /[.!?…]$/.test(text) ? text : `${text}.`)

/** The text for stderr, with its line end. */
export const renderFailure = (failure: Failure, json: boolean): string => {
  const { code, message, hint, faults } = failure
  if (json) return `${JSON.stringify({ error: { code, message, hint, ...(faults.length > 0 ? { faults } : {}) } })}\n`
  return `millrace: ${[sentence(message), sentence(hint)].filter((part) => part !== '').join(' ')}\n`
}

export const usageError = (message: string, hint = 'See millrace --help.'): UserError =>
  new UserError('usage', message, hint, exitCodes.usage)
