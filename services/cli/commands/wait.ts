/** `millrace wait`: until all have ended. Exit code 0 when all succeeded, 1 when some did not, 124 when the time is over. */
import type { Command } from 'commander'
import { type JobResult, withSignals } from '#client'
import { durationMs, reasonText } from '#schemas'
import { exitCodes } from '../failure.ts'
import type { Frame } from '../program.ts'
import { duration } from '../spec/flags.ts'
import { type Session, withGlobals } from '../terminal.ts'

/** Each wait holds a connection. */
const waitsAtOnceMax = 64

export const addWait = (program: Command, frame: Frame): void => {
  withGlobals(program.command('wait'))
    .description('wait until the jobs have ended')
    .argument('<id...>', 'ids, or unambiguous prefixes of them')
    .option('--timeout <duration>', 'give up after this long (exit code 124)', duration)
    .action(frame.action(wait))
}

const wait = async (session: Session, ids: string[], flags: { timeout?: string }): Promise<number> => {
  const client = await session.connect()
  const failed = new AbortController()
  let succeeded = true
  let next = 0
  const work = async (signal: AbortSignal): Promise<void> => {
    for (let n = next++; n < ids.length; n = next++) {
      const done = await client.job(ids[n]!).wait({ signal })
      succeeded &&= done.state === 'succeeded'
      show(session, done)
    }
  }
  const limitMs = flags.timeout === undefined ? undefined : durationMs(flags.timeout)!
  await withSignals(
    [failed.signal],
    (signal) =>
      Promise.all(Array.from({ length: Math.min(waitsAtOnceMax, ids.length) }, () => work(signal))).catch((error) => {
        failed.abort(error)
        throw error
      }),
    limitMs,
  )
  await client.close()
  return succeeded ? exitCodes.done : exitCodes.jobFailed
}

const show = (session: Session, done: JobResult): void => {
  if (session.json) session.document(done)
  else session.line(`${done.id}  ${done.state}${done.state === 'succeeded' ? '' : `  ${reasonText(done.reason)}`}`)
}
