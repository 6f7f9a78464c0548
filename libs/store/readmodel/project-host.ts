/** How a host's own events change its row. What the leader makes of its attempts comes as orders. See project.ts. */
import type { Joined, Left, Returned, Suspect } from '#schemas'
import type { At } from './project.ts'
import type { Rows } from './rows.ts'

export const projectHost = (rows: Rows, event: Joined | Left | Suspect | Returned, at: At): void => {
  if (event.type === 'joined') return joined(rows, event, at)
  const host = rows.host(at.host)
  if (!host) return
  if (event.type === 'suspect' && host.state !== 'up') return
  if (event.type === 'returned' && host.state !== 'suspect') return
  host.state = event.type === 'suspect' ? 'suspect' : event.type === 'returned' ? 'up' : 'left'
  rows.changedHost(host)
}

const joined = (rows: Rows, event: Joined, at: At): void => {
  const said = {
    state: 'up' as const,
    capacity: JSON.stringify(event.capacity),
    labels: JSON.stringify(event.labels),
    tools: JSON.stringify(event.tools),
    containment: event.containment,
    version: event.version,
    agentPid: event.agentPid,
    supervisorPid: event.supervisorPid,
    joinedMs: at.timeMs,
  }
  const host = rows.host(at.host)
  if (!host) return rows.addHost({ id: at.host, ...said })
  Object.assign(host, said)
  rows.changedHost(host)
}
