/** `millrace ps`: jobs, newest first. Only those that have not ended, unless --all or --state ask for more. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { type Client, isClientError, type JobPage, type ListFilter } from '#client'
import { limits } from '#schemas'
import type { Frame } from '../program.ts'
import { jobTable } from '../render/job.ts'
import { integer, keyValue } from '../spec/flags.ts'
import { type Session, withGlobals } from '../terminal.ts'

type Flags = {
  state?: string[]
  queue?: string
  label?: Record<string, string>
  limit: number
  all?: boolean
  watch?: boolean
}

const watchMs = 1_000
const clearScreen = '\u001b[H\u001b[2J'

export const addPs = (program: Command, frame: Frame): void => {
  withGlobals(program.command('ps'))
    .description('list jobs, newest first')
    .option(
      '--state <state...>',
      'queued, assigned, running, stopping, retrying, succeeded, failed, cancelled, rejected',
    )
    .option('--queue <name>', 'of this queue')
    .option('--label <key=value>', 'with this label; repeatable', keyValue)
    .option('--limit <n>', 'at most so many', integer, 50)
    .option('--all', 'ended ones too')
    .option('--watch', 'show again every second, until Ctrl-C')
    .action(frame.action(ps))
}

const ps = async (session: Session, flags: Flags): Promise<undefined> => {
  const client = await session.connect()
  if (!flags.watch) {
    show(session, await pages(client, flags), flags)
    await client.close()
    return
  }
  for (;;) {
    const page = await pages(client, flags).catch((error: unknown) => {
      // A gateway that restarts is no reason to end a watch.
      if (!isClientError(error, 'no-server')) throw error
      return null
    })
    if (session.terminal.stdout.isTTY && !session.json) session.terminal.stdout.write(clearScreen)
    if (page) show(session, page, flags)
    else session.note('the gateway does not answer; trying again')
    await delay(watchMs)
  }
}

/** As many pages as the limit needs. */
const pages = async (client: Client, flags: Flags): Promise<JobPage> => {
  const filter: ListFilter = {
    ...(flags.state === undefined ? {} : { state: flags.state.flatMap((one) => one.split(',')) }),
    ...(flags.queue === undefined ? {} : { queue: flags.queue }),
    ...(flags.label === undefined ? {} : { labels: flags.label }),
    ...(flags.all || flags.state !== undefined ? {} : { live: true }),
  }
  const jobs: JobPage['jobs'] = []
  let page: JobPage = { jobs, cursor: null, seq: 0 }
  do {
    const limit = Math.min(limits.listPageMax, Math.max(1, flags.limit - jobs.length))
    page = await client.list({ ...filter, limit, ...(page.cursor === null ? {} : { cursor: page.cursor }) })
    jobs.push(...page.jobs)
  } while (page.cursor !== null && jobs.length < flags.limit)
  return { ...page, jobs }
}

const show = (session: Session, page: JobPage, flags: Flags): void => {
  if (session.json) {
    session.document(page)
    return
  }
  const { stdout } = session.terminal
  // Cut to the width of a terminal; a pipe gets everything.
  const width = stdout.isTTY ? (stdout.columns ?? 120) : Number.POSITIVE_INFINITY
  const rows = stdout.isTTY && flags.watch ? (stdout.rows ?? 40) - 2 : Number.POSITIVE_INFINITY
  const lines = jobTable(page.jobs, Date.now(), width, session.colors)
  if (page.jobs.length === 0)
    session.note(
      flags.all || flags.state ? 'no such job' : 'no job is waiting or running; --all shows those that ended',
    )
  else for (const line of lines.slice(0, rows)) session.line(line)
  if (page.cursor !== null) session.note(`there are more; --limit ${flags.limit * 2} shows them`)
}
