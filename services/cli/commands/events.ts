/** `millrace events`: the log as CloudEvents, from any point on, with -f for ever. */
import { type Command, InvalidArgumentError } from 'commander'
import type { CloudEvent, EventsOptions } from '#client'
import { positionFactor, positionOf } from '#schemas'
import type { Frame } from '../program.ts'
import { eventDetail, eventName } from '../render/job.ts'
import { safe } from '../render/table.ts'
import { type Session, withGlobals } from '../terminal.ts'

type Flags = { job?: string; host?: string; from?: number | Date; follow?: boolean }

export const addEvents = (program: Command, frame: Frame): void => {
  withGlobals(program.command('events'))
    .description('what happened, in the order of the log')
    .option('--job <id>', 'of this job')
    .option('--host <id>', 'of this host')
    .option('--from <seq|time>', 'from this log sequence (12, or 12.3 for an event in it) or time on', startOf)
    .option('-f, --follow', 'go on with new ones, until Ctrl-C')
    .action(frame.action(events))
}

/** A sequence, `sequence.index`, or a time of RFC 3339. */
export const startOf = (text: string): number | Date => {
  const match = /^([0-9]{1,12})(?:\.([0-9]{1,4}))?$/.exec(text)
  if (match) return positionOf(Number(match[1]), Number(match[2] ?? 0))
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Expected a log sequence, or a time such as 2026-11-20T03:12:00Z.')
  return time
}

const events = async (session: Session, flags: Flags): Promise<undefined> => {
  const client = await session.connect()
  const options: EventsOptions = {
    follow: flags.follow ?? false,
    ...(flags.job === undefined ? {} : { job: (await client.get(flags.job)).id }),
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.from === undefined ? {} : { from: flags.from }),
  }
  for await (const event of client.events(options)) {
    if (session.json) session.document(event)
    else session.line(eventLine(event, session.colors))
  }
  await client.close()
}

/** Fixed widths: lines come one by one, so nothing can be measured ahead. */
const eventLine = (event: CloudEvent, colors: Session['colors']): string => {
  const at = `${Math.floor(event.position / positionFactor)}.${event.position % positionFactor}`
  const cells = [
    colors.dim(at.padStart(8)),
    colors.dim(event.time),
    eventName(event).padEnd(16),
    event.subject.padEnd(28),
    safe(eventDetail(event)),
  ]
  return cells.join('  ').trimEnd()
}
