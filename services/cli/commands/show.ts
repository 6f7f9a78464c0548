/** `millrace show`: one job with everything that is known of it, and what happened when. */
import type { Command } from 'commander'
import type { CloudEvent } from '#client'
import type { Frame } from '../program.ts'
import { jobPage } from '../render/job.ts'
import { type Session, withGlobals } from '../terminal.ts'

/** A job with more events than this has its beginning shown. */
const eventsShownMax = 200

export const addShow = (program: Command, frame: Frame): void => {
  withGlobals(program.command('show'))
    .description('one job: spec, state, reason, attempts, usage, timeline')
    .argument('<id>', 'id, or an unambiguous prefix of it')
    .action(frame.action(show))
}

const show = async (session: Session, id: string): Promise<undefined> => {
  const client = await session.connect()
  const job = await client.get(id)
  if (session.json) session.document(job)
  else {
    const events: CloudEvent[] = []
    for await (const event of client.events({ job: job.id })) {
      events.push(event)
      if (events.length === eventsShownMax) break
    }
    for (const line of jobPage(job, events, Date.now(), session.colors)) session.line(line)
    if (events.length === eventsShownMax) session.note(`there are more events; see millrace events --job ${job.id}`)
  }
  await client.close()
}
