/**
 * `mr.query.jobs`: a list, newest first, in pages. The cursor is the key of the last job looked at, which never changes,
 * so a job is neither skipped nor repeated while others come and end.
 */
import { isTerminalState, JobState, type QueryRequest } from '#schemas'
import { type ArchiveStore, type JobRow, jobSummary } from '#store'
import { QueryFailure } from './failure.ts'
import { Page, Turns } from './page.ts'
import type { Sources } from './sources.ts'

const limitDefault = 100
const rowsPerSlice = 500
/** A filter that hits nothing among millions ends here; the cursor goes on from where it came to. */
const searchMsMax = 2_000

const allStates = JobState.anyOf.map(({ const: state }) => state as string)
const liveStates = allStates.filter((state) => !isTerminalState(state))

export const answerJobs = async (sources: Sources, request: QueryRequest<'jobs'>): Promise<string> => {
  const { store, clock } = sources
  const states = statesOf(request)
  const matches = matcherOf(request, states)
  const limit = request.limit ?? limitDefault
  const page = new Page(limit)
  const rowsWanted = states === null && request.queue === undefined && !request.labels ? limit + 1 : rowsPerSlice
  const sliceRows = Math.min(rowsWanted, rowsPerSlice)
  const turns = new Turns(clock)
  let before = parseCursor(request.cursor)
  let more = states === null || states.length > 0
  search: while (more) {
    const rows = slice(store, request, states, before, sliceRows)
    for (const row of rows) {
      if (page.isFull || (matches(row) && !page.add(summaryOf(sources, row)))) break search
      before = row.key
    }
    more = rows.length === sliceRows
    if (turns.elapsedMs > searchMsMax) break
    await turns.giveWay()
  }
  return page.toJson('jobs', { cursor: more ? String(before) : null, seq: store.checkpoint.sequence })
}

/** The states asked for, or null for all. */
const statesOf = ({ state, live }: QueryRequest<'jobs'>): string[] | null => {
  for (const asked of state ?? []) {
    if (!allStates.includes(asked))
      throw new QueryFailure('bad-request', `There is no state "${asked}"; states are ${allStates.join(', ')}.`)
  }
  if (!live) return state === undefined ? null : [...new Set(state)]
  return state === undefined ? liveStates : liveStates.filter((each) => state.includes(each))
}

const parseCursor = (cursor: string | undefined): number => {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER
  if (!/^[0-9]{1,16}$/.test(cursor)) throw new QueryFailure('bad-request', 'The cursor is not one of an answer before.')
  return Number(cursor)
}

/** The next rows in the cheapest order to search: by state (few live jobs), by queue, or all. */
const slice = (
  { readModel }: ArchiveStore,
  { queue }: QueryRequest<'jobs'>,
  states: readonly string[] | null,
  before: number,
  limit: number,
): JobRow[] => {
  const ofStates = states !== null && (queue === undefined || states.every((state) => !isTerminalState(state)))
  if (!ofStates) return readModel.jobs({ before, limit, ...(queue === undefined ? {} : { queue }) })
  if (states.length === 1) return readModel.jobs({ before, state: states[0]!, limit })
  return states
    .flatMap((state) => readModel.jobs({ before, state, limit }))
    .sort((a, b) => b.key - a.key)
    .slice(0, limit)
}

const matcherOf = (
  { queue, labels }: QueryRequest<'jobs'>,
  states: readonly string[] | null,
): ((row: JobRow) => boolean) => {
  const wanted = Object.entries(labels ?? {})
  return (row) => {
    if (queue !== undefined && row.queue !== queue) return false
    if (states !== null && !states.includes(row.state!)) return false
    if (wanted.length === 0) return true
    if (row.labels === null) return false
    const has = JSON.parse(row.labels) as Record<string, string>
    return wanted.every(([name, value]) => Object.hasOwn(has, name) && has[name] === value)
  }
}

const summaryOf = ({ store, commits }: Sources, row: JobRow) => {
  const n = row.resultAttempt ?? row.attempt
  const attempt = n === null ? null : store.readModel.attempt(row.key, n)
  const command = row.command === null ? commits.specOf(row)?.command : (JSON.parse(row.command) as string[])
  return jobSummary(row, attempt, command ?? [])
}
