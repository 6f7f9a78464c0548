/**
 * `millrace run`: submit, show the output as it comes, end as the job ended. Ctrl-C cancels the job and says so; a
 * second one kills it without grace; a third one leaves it alone.
 */
import { constants } from 'node:os'
import type { Command } from 'commander'
import { isClientError, type JobHandle, type JobResult } from '#client'
import { reasonText } from '#schemas'
import { exitCodes, usageError } from '../failure.ts'
import type { Frame } from '../program.ts'
import { addSpecFlags, documentOf, type SpecFlags } from '../spec/flags.ts'
import { type Session, withGlobals } from '../terminal.ts'
import { writePiece } from './output.ts'

export const addRun = (program: Command, frame: Frame): void => {
  withGlobals(addSpecFlags(program.command('run')))
    .description('submit, show the output, exit with the job’s exit code')
    .argument('[command...]', 'program and arguments, after --')
    .passThroughOptions()
    .action(frame.action(run))
}

const run = async (session: Session, words: string[], flags: SpecFlags): Promise<number> => {
  if (words.length === 0)
    throw usageError('There is no command', 'Give one after --, as in millrace run -- echo hello.')
  const client = await session.connect()
  const key = flags.idempotencyKey
  const job = await client.submit(documentOf(flags, words), key === undefined ? {} : { idempotencyKey: key })
  if (session.json) session.document({ job: { id: job.id, seq: job.seq, duplicate: job.duplicate } })
  const interrupts = cancelOnSignal(session, job)
  try {
    // The end is awaited beside the output: without an archive the output may stop early, the end never does.
    const [, done] = await Promise.all([showOutput(session, job), job.wait()])
    if (session.json) session.document({ done })
    else explain(session, done, await errorText(job, done))
    return exitCodeOf(done)
  } finally {
    interrupts.stop()
    await client.close()
  }
}

const showOutput = async (session: Session, job: JobHandle): Promise<void> => {
  try {
    for await (const piece of job.output()) writePiece(session, piece)
  } catch (error) {
    if (!isClientError(error, 'archive-unreachable') && !isClientError(error, 'not-yet')) throw error
    session.note(`the rest of the output can’t be read now; see millrace logs ${job.id}`)
  }
}

/** Why, where the output does not say it: no exit code of the job's own, or it never ran. */
const explain = (session: Session, done: JobResult, error: string): void => {
  if (done.state === 'succeeded' || (done.cause === 'exit' && done.state === 'failed')) return
  const how = done.state === 'cancelled' ? 'was cancelled' : done.state === 'rejected' ? 'was rejected' : 'failed'
  const reason = reasonText(done.reason)
  // A reason may say already what the error says.
  const more = error === '' || reason.includes(error) ? '' : ` ${error}`
  session.note(`job ${done.id} ${how}. ${reason}${more}`)
}

const errorText = async (job: JobHandle, done: JobResult): Promise<string> => {
  if (done.cause !== 'spawn' && done.state !== 'rejected') return ''
  const view = await job.view().catch(() => null)
  const faults = (view?.faults ?? []).map(({ pointer, message }) => `${pointer || '/'}: ${message}`)
  const error = view?.result?.error
  const program = view?.spec?.command?.[0] ?? ''
  const text = error?.message ?? faults.join('; ')
  return text.includes(program) ? text : `${program}: ${text}`
}

/** The job's own code; 128+n for a signal; 124 when its time was over; else what CONTRACT says. */
export const exitCodeOf = (done: JobResult): number => {
  if (done.state === 'succeeded') return exitCodes.done
  if (done.state === 'rejected') return exitCodes.refused
  if (done.cause === 'timeout') return exitCodes.timedOut
  if (done.exitCode !== null && done.exitCode !== 0) return done.exitCode
  const signal = done.signal === null ? undefined : constants.signals[done.signal as NodeJS.Signals]
  if (signal !== undefined) return 128 + signal
  return done.state === 'cancelled' ? 128 + constants.signals.SIGTERM : exitCodes.jobFailed
}

const cancelOnSignal = (session: Session, job: JobHandle): { stop(): void } => {
  let asked = 0
  const onSignal = (signal: NodeJS.Signals) => {
    asked++
    if (asked > 2) {
      session.note(`left; the job may go on: see millrace show ${job.id}`)
      process.exit(128 + constants.signals[signal])
    }
    const force = asked === 2
    session.note(force ? `killing job ${job.id}` : `cancelling job ${job.id}; once more kills it without grace`)
    job.cancel(`${signal} at millrace run`, { force }).catch((error: Error) => {
      if (!isClientError(error, 'wrong-state')) session.note(`the job can’t be cancelled: ${error.message}`)
    })
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    stop() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
