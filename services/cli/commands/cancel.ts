/** `millrace cancel`: asks for jobs to be ended. Done when the request is in the log; `wait` tells when it took effect. */
import type { Command } from 'commander'
import type { Frame } from '../program.ts'
import { type Session, withGlobals } from '../terminal.ts'

export const addCancel = (program: Command, frame: Frame): void => {
  withGlobals(program.command('cancel'))
    .description('end jobs, whatever their state')
    .argument('<id...>', 'ids, or unambiguous prefixes of them')
    .option('--reason <text>', 'why: stands in the log')
    .option('--force', 'kill without grace')
    .action(frame.action(cancel))
}

const cancel = async (session: Session, ids: string[], flags: { reason?: string; force?: boolean }) => {
  const client = await session.connect()
  // All are tried; the first failure is what the command ends with.
  const failures: unknown[] = []
  for (const given of ids) {
    try {
      const { id } = await client.get(given)
      await client.job(id).cancel(flags.reason, { force: flags.force ?? false })
      if (session.json) session.document({ id, requested: 'cancel' })
      else session.line(`${id}  cancel requested`)
    } catch (error) {
      if (failures.push(error) > 1) session.note((error as Error).message)
    }
  }
  await client.close()
  if (failures.length > 0) throw failures[0]
  return undefined
}
