/**
 * Which submission of a job stands? Asked when an id may have been used before (an own id, an idempotency key, a
 * duplicate acknowledgement). The same spec is the same job; another one is the error `id-taken`.
 */
import { BrokerError, type EventLog } from '#eventlog'
import { decodeMessage, type JobSpec, positionFactor, positionOf, type Subjects, sequenceOf } from '#schemas'
import { sameDocument } from '../canonical.ts'
import { ClientError, isClientError } from '../errors.ts'
import type { ArchiveQueries } from './archive-queries.ts'
import { fromBroker } from './broker-errors.ts'
import type { Placed, Publisher, Submission } from './publisher.ts'

type Parts = { log: EventLog; subjects: Subjects; archive: ArchiveQueries; publisher: Publisher }
type Options = { actor?: string; signal?: AbortSignal }

const idTaken = (job: string) =>
  new ClientError('id-taken', `The job id ${job} is taken: another job with a different spec has it.`)

/** Submits a job whose id may be taken. Throws `id-taken`; resolves with the standing submission if it is the same. */
export const submitWithOwnId = async (parts: Parts, submission: Submission, options: Options): Promise<Placed> => {
  let placed: Placed
  try {
    placed = await parts.publisher.submitFirst(submission, options)
  } catch (error) {
    if (!(error instanceof BrokerError && error.code === 'wrong-last-sequence')) throw fromBroker(error, options.signal)
    const before = await parts.log.last(parts.subjects.job(submission.job, 'submitted'))
    if (!before) throw fromBroker(error)
    placed = { sequence: before.sequence, index: 0, duplicate: true }
  }
  return checkStanding(parts, submission, placed, options)
}

/**
 * Compares what was submitted with what stands: first what the log holds at the acknowledged place, then (the id
 * may have been used in a batch, which has another subject) what the archive shows.
 */
export const checkStanding = async (
  parts: Parts,
  submission: Submission,
  placed: Placed,
  options: Options,
): Promise<Placed> => {
  if (placed.duplicate) {
    const spec = await specInLog(parts, submission.job, placed.sequence)
    // A malformed message (of a foreign client) may stand on the subject: it is no job, and the archive knows more.
    if (spec !== null) {
      if (!sameDocument(spec, submission.spec)) throw idTaken(submission.job)
      return placed
    }
  }
  try {
    const view = await parts.archive.query(
      'job',
      { id: submission.job, atLeastSequence: placed.sequence },
      options.signal,
      0,
    )
    if (view.id !== submission.job || view.submission === positionOf(placed.sequence, placed.index)) return placed
    if (!sameDocument(view.spec, submission.spec)) throw idTaken(submission.job)
    return { sequence: sequenceOf(view.submission), index: view.submission % positionFactor, duplicate: true }
  } catch (error) {
    // Without the archive the scheduler still decides rightly: it answers a second spec with `rejected`.
    if (isClientError(error) && error.code !== 'id-taken') return placed
    throw error
  }
}

const specInLog = async (parts: Parts, job: string, sequence: number): Promise<JobSpec | null> => {
  const message = await parts.log.get(sequence)
  const subject = message && parts.subjects.parse(message.subject)
  if (!message || !subject) return null
  const decoded = decodeMessage(subject, message.bytes)
  if (decoded.kind !== 'commit') return null
  const event = decoded.commit.events.find((e) => e.type === 'submitted' && e.job === job)
  return event?.type === 'submitted' ? event.spec : null
}
