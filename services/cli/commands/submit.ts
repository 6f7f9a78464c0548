/** `millrace submit`: puts jobs into the log and prints their ids, one a line. */
import type { Command } from 'commander'
import type { JobHandle } from '#client'
import { usageError } from '../failure.ts'
import type { Frame } from '../program.ts'
import { readJobFile } from '../spec/files.ts'
import { addSpecFlags, documentOf, type SpecFlags } from '../spec/flags.ts'
import { type Session, withGlobals } from '../terminal.ts'

export const addSubmit = (program: Command, frame: Frame): void => {
  withGlobals(addSpecFlags(program.command('submit')))
    .description('submit a job, or the jobs of a file, and print the ids')
    .option('-f, --file <file>', 'job.json, job.yaml, or NDJSON with one job a line; - is standard input')
    .argument('[command...]', 'program and arguments, after --')
    .passThroughOptions()
    .action(frame.action(submit))
}

const submit = async (session: Session, words: string[], flags: SpecFlags & { file?: string }): Promise<undefined> => {
  if (flags.file === undefined && words.length === 0)
    throw usageError('There is nothing to submit', 'Give a command after --, or a file with -f.')
  if (flags.file !== undefined && words.length > 0)
    throw usageError('A file and a command at once can’t be submitted', 'Give one or the other.')
  const documents = flags.file === undefined ? [documentOf(flags, words)] : fromFile(flags, flags.file)
  const key = flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey }
  const client = await session.connect()
  const [first] = documents
  const jobs = documents.length === 1 ? [await client.submit(first!, key)] : await client.submitMany(documents, key)
  for (const job of jobs) show(session, job)
  await client.close()
}

/** Flags beside a file are defaults of every job in it; what the file says stands. */
const fromFile = (flags: SpecFlags, file: string) => {
  const { command: _, ...defaults } = documentOf(flags, [])
  return readJobFile(file).map((document) => {
    const isObject = typeof document === 'object' && document !== null
    return isObject ? { ...defaults, ...document } : document
  })
}

const show = (session: Session, { id, seq, duplicate }: JobHandle): void => {
  if (session.json) session.document({ id, seq, duplicate })
  else session.line(id)
}
