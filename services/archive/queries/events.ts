/** `mr.query.events`: events as CloudEvents in the order of the log, of one job, one host, or all. */
import { type Event, positionOf, type QueryRequest, sequenceOf, toCloudEvent } from '#schemas'
import type { ArchiveStore } from '#store'
import type { StoredCommit } from './commits.ts'
import { findJob } from './job.ts'
import { Page, Turns } from './page.ts'
import type { Sources } from './sources.ts'

const limitDefault = 100
const indexPage = 256

export const answerEvents = async (sources: Sources, request: QueryRequest<'events'>): Promise<string> => {
  const { store, commits, clock } = sources
  const page = new Page(request.limit ?? limitDefault)
  const turns = new Turns(clock)
  const end = positionOf(store.checkpoint.sequence + 1, 0)
  const from = fromOf(store, request)
  let next = Math.max(from, end)
  for (const { sequence, index } of places(store, request, from)) {
    const stored = sequence <= store.checkpoint.sequence ? commits.at(sequence) : null
    if (!stored || !isOfHost(stored, request.host)) continue
    const full = addEvents(page, stored, sequence, index, from)
    if (full !== null) {
      next = full
      break
    }
    await turns.giveWay()
  }
  return page.toJson('events', { next, seq: store.checkpoint.sequence })
}

const fromOf = (store: ArchiveStore, { from, fromTimeMs }: QueryRequest<'events'>): number =>
  Math.max(from ?? 0, fromTimeMs === undefined ? 0 : positionOf(store.log.firstSequenceAt(fromTimeMs), 0))

const isOfHost = ({ subject }: StoredCommit, host: string | undefined): boolean =>
  host === undefined || ((subject.kind === 'orders' || subject.kind === 'facts') && subject.host === host)

/** Adds one event of a commit, or all. Answers the position of the first that did not fit, or null. */
const addEvents = (
  page: Page,
  { commit, subject, timeMs }: StoredCommit,
  sequence: number,
  only: number | null,
  from: number,
): number | null => {
  const where = {
    brokerTimeMs: timeMs,
    ...(subject.kind === 'orders' || subject.kind === 'facts' ? { host: subject.host } : {}),
  }
  const last = only ?? commit.events.length - 1
  for (let index = only ?? 0; index <= last; index++) {
    const position = positionOf(sequence, index)
    const event: Event | undefined = commit.events[index]
    if (position < from || !event) continue
    if (!page.add(toCloudEvent(commit, event, { position, ...where }))) return position
  }
  return null
}

/** Where to look: single events by the job's index, else whole messages. */
type Place = { sequence: number; index: number | null }

const places = (store: ArchiveStore, { job, host }: QueryRequest<'events'>, from: number): Iterable<Place> => {
  if (job !== undefined) return placesOfJob(store, keyOfJob(store, job), from)
  return host === undefined ? allPlaces(store, from) : placesOfHost(store, host, from)
}

/** Also a job of which the log only knows the name has events. */
const keyOfJob = (store: ArchiveStore, id: string): number => (store.readModel.job(id) ?? findJob(store, id)).key

function* placesOfJob(store: ArchiveStore, job: number, from: number): Iterable<Place> {
  for (let start = from; ; ) {
    const positions = store.log.positionsOfJob(job, start, indexPage)
    for (const position of positions) {
      const sequence = sequenceOf(position)
      yield { sequence, index: position - positionOf(sequence, 0) }
    }
    if (positions.length < indexPage) return
    start = positions.at(-1)! + 1
  }
}

function* placesOfHost(store: ArchiveStore, host: string, from: number): Iterable<Place> {
  for (let start = sequenceOf(from); ; ) {
    const sequences = store.log.sequencesOfHost(host, start, indexPage)
    for (const sequence of sequences) yield { sequence, index: null }
    if (sequences.length < indexPage) return
    start = sequences.at(-1)! + 1
  }
}

function* allPlaces(store: ArchiveStore, from: number): Iterable<Place> {
  const last = store.checkpoint.sequence
  for (let sequence = Math.max(1, sequenceOf(from)); sequence <= last; sequence++) yield { sequence, index: null }
}
