/** `millrace logs`: the output of a job, byte for byte; with -f as it comes. */
import { type Command, InvalidArgumentError } from 'commander'
import type { OutputCursor, OutputPiece } from '#client'
import type { Frame } from '../program.ts'
import { type Session, withGlobals } from '../terminal.ts'
import { lastLines, type OutputForm, writePiece } from './output.ts'

type Flags = { follow?: boolean; attempt?: number; stderr?: boolean; tail?: number }

export const addLogs = (program: Command, frame: Frame): void => {
  withGlobals(program.command('logs'))
    .description('output of a job: stdout to stdout, stderr to stderr')
    .argument('<id>', 'id, or an unambiguous prefix of it')
    .option('-f, --follow', 'go on until the job has ended')
    .option('--attempt <n>', 'of this attempt (default: the last)', natural)
    .option('--stderr', 'stderr alone, to stdout')
    .option('--tail <n>', 'only the last lines', natural)
    .action(frame.action(logs))
}

const natural = (text: string): number => {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a number from 1.')
  return Number(text)
}

const logs = async (session: Session, id: string, flags: Flags): Promise<undefined> => {
  const client = await session.connect()
  const view = await client.get(id)
  const job = client.job(view.id)
  const attempt = flags.attempt ?? Math.max(1, view.attempts.at(-1)?.n ?? 1)
  const form: OutputForm = flags.stderr ? { only: 'stderr' } : {}
  let after: OutputCursor = { attempt, stdoutBytes: 0, stderrBytes: 0 }
  if (flags.tail !== undefined) {
    const pieces: OutputPiece[] = []
    for await (const piece of job.output({ follow: false, attempt })) pieces.push(piece)
    for (const piece of lastLines(pieces, flags.tail)) writePiece(session, piece, form)
    after = endOf(after, pieces)
  }
  if (flags.tail === undefined || flags.follow) {
    // Followed without --attempt, later attempts are shown too.
    const only: number | 'all' = flags.attempt === undefined && flags.follow ? 'all' : attempt
    const options = { follow: flags.follow ?? false, attempt: only, after }
    for await (const piece of job.output(options)) writePiece(session, piece, form)
  }
  await client.close()
}

const endOf = (start: OutputCursor, pieces: readonly OutputPiece[]): OutputCursor => {
  const cursor = { ...start }
  for (const { stream, offset, bytes } of pieces) {
    cursor[stream === 'stdout' ? 'stdoutBytes' : 'stderrBytes'] = offset + bytes.length
  }
  return cursor
}
