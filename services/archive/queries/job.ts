/** `mr.query.job`: one job by its id or an unambiguous prefix of it. */
import type { QueryRequest } from '#schemas'
import { type ArchiveStore, type AttemptRow, type JobRow, jobView } from '#store'
import { QueryFailure } from './failure.ts'
import { answerBytesMax } from './page.ts'
import type { Sources } from './sources.ts'

export const answerJob = ({ store, commits }: Sources, request: QueryRequest<'job'>): string => {
  const row = findJob(store, request.id)
  const attempts = fitting(store.readModel.attempts(row.key), answerBytesMax / 2)
  return JSON.stringify(jobView(row, attempts, commits.specOf(row), store.checkpoint.sequence))
}

const candidatesShown = 5

/** The job of this id, else the only one whose id begins so. Throws QueryFailure `not-found` or `ambiguous-id`. */
export const findJob = (store: ArchiveStore, id: string): JobRow => {
  const exact = store.readModel.job(id)
  if (exact && exact.state !== null) return exact
  const ids = store.readModel.idsWithPrefix(id, candidatesShown + 1)
  if (ids.length > 1) {
    const shown = ids.slice(0, candidatesShown).join(', ')
    throw new QueryFailure(
      'ambiguous-id',
      `More than one job begins with "${id}": ${shown}${ids.length > candidatesShown ? ', …' : ''}.`,
    )
  }
  const row = ids.length === 1 ? store.readModel.job(ids[0]!) : null
  if (!row) throw new QueryFailure('not-found', `There is no job "${id}".`)
  return row
}

/** A job may have a thousand attempts: older ones lose the tails of their output, then are left out. */
const fitting = (newestFirst: Iterable<AttemptRow>, bytesMax: number): AttemptRow[] => {
  const shown: AttemptRow[] = []
  let bytes = 0
  for (const attempt of newestFirst) {
    const tails = attempt.stdoutTail.length + attempt.stderrTail.length
    const rest = 700 + Buffer.byteLength(attempt.error ?? '')
    const withTails = bytes + rest + tails <= bytesMax
    if (!withTails && bytes + rest > bytesMax) break
    bytes += withTails ? rest + tails : rest
    shown.push(withTails ? attempt : { ...attempt, stdoutTail: '', stderrTail: '' })
  }
  return shown.reverse()
}
