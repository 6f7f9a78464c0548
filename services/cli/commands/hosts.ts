/** `millrace hosts`: where jobs run, what is free there, and since when each host was heard. */
import type { Command } from 'commander'
import type { HostView } from '#client'
import type { Frame } from '../program.ts'
import { agoText, cpuText, sizeText } from '../render/quantity.ts'
import { table } from '../render/table.ts'
import { type Session, withGlobals } from '../terminal.ts'

export const addHosts = (program: Command, frame: Frame): void => {
  withGlobals(program.command('hosts')).description('hosts and what they have').action(frame.action(hosts))
}

const hosts = async (session: Session): Promise<undefined> => {
  const client = await session.connect()
  const all = await client.hosts()
  if (session.json) session.document(all)
  else if (all.length === 0) session.note('no host has joined. Start an agent: millrace agent --nats URL')
  else for (const line of hostTable(all, Date.now(), session.colors)) session.line(line)
  await client.close()
}

export const hostTable = (all: readonly HostView[], nowMs: number, colors: Session['colors']): string[] => {
  const titles = ['HOST', 'STATE', 'CPUS', 'MEMORY', 'RESOURCES', 'JOBS', 'HEARD', 'CONTAINMENT', 'VERSION']
  const paint = { up: colors.green, suspect: colors.yellow, left: colors.dim }
  const rows = all.map((host) => [
    host.id,
    paint[host.state](host.state),
    `${cpuText(host.reserved.cpuMilli)}/${cpuText(host.capacity.cpuMilli)}`,
    `${sizeText(host.reserved.memoryBytes)}/${sizeText(host.capacity.memoryBytes)}`,
    Object.entries(host.capacity.custom)
      .map(([name, n]) => `${name} ${host.reserved.custom[name] ?? 0}/${n}`)
      .join(', '),
    String(host.attempts.length),
    agoText(host.lastBeatAt, nowMs),
    host.containment,
    host.version,
  ])
  return table(
    titles.map((title) => ({ title: colors.dim(title), right: title === 'JOBS' })),
    rows,
  )
}
