/** `mr.query.hosts`: every host by its id, with what it holds and when it was heard last. */
import { limits, type QueryRequest } from '#schemas'
import { hostView } from '#store'
import { Page, Turns } from './page.ts'
import type { Sources } from './sources.ts'

const hostsPerSlice = 100

export const answerHosts = async (sources: Sources, { cursor }: QueryRequest<'hosts'>): Promise<string> => {
  const { store, heartbeats, clock } = sources
  const page = new Page(Number.POSITIVE_INFINITY)
  const turns = new Turns(clock)
  let after = cursor ?? ''
  let more = true
  search: while (more) {
    const rows = store.readModel.hosts(after, hostsPerSlice)
    for (const row of rows) {
      const held = store.readModel.held(row.id)
      if (!page.add(hostView(row, held, heartbeats.lastMs(row.id), limits.listPageMax))) break search
      after = row.id
    }
    more = rows.length === hostsPerSlice
    await turns.giveWay()
  }
  return page.toJson('hosts', { cursor: more ? after : null, seq: store.checkpoint.sequence })
}
