/** `millrace retry`: submits an ended job again under a new id; one that waits to be retried is tried at once. */
import type { Command } from 'commander'
import type { Frame } from '../program.ts'
import { type Session, withGlobals } from '../terminal.ts'

export const addRetry = (program: Command, frame: Frame): void => {
  withGlobals(program.command('retry'))
    .description('submit an ended job again (prints the new id), or try one at once that waits to be retried')
    .argument('<id>', 'id, or an unambiguous prefix of it')
    .action(frame.action(retry))
}

const retry = async (session: Session, given: string): Promise<undefined> => {
  const client = await session.connect()
  const { id } = await client.get(given)
  const again = await client.job(id).retry()
  if (session.json) session.document({ id: again.id, retryOf: again.id === id ? null : id, seq: again.seq })
  else session.line(again.id)
  if (again.id === id) session.note('it is tried at once')
  await client.close()
}
