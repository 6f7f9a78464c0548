/**
 * Events from any position on, without a gap and without a repeat: attach to the live tail first (it collects),
 * read the archive up to where the tail began, then go on with the tail. A reader that is too slow for the tail goes
 * back to the archive and catches up from there.
 */
import { type CloudEvent, limits, positionOf } from '#schemas'
import { throwIfAborted } from '../errors.ts'
import { Queue } from '../queue.ts'
import type { EventsOptions } from '../transport.ts'
import type { ArchiveQueries } from './archive-queries.ts'
import type { LogTail, TailReader } from './log-tail.ts'

/** Events that may wait for a slow reader before it is sent back to the archive. */
const waitingMax = 20_000

type Parts = { archive: ArchiveQueries; tail: LogTail }

export async function* followEvents(parts: Parts, options: EventsOptions): AsyncGenerator<CloudEvent> {
  let next: number | Date = options.from ?? 0
  if (!options.follow) {
    yield* pages(parts.archive, options, next)
    return
  }
  for (;;) {
    const live = new Queue<CloudEvent>()
    let overrun = false
    const reader: TailReader = {
      onEvents: (events) => {
        if (overrun) return
        for (const event of events) if (wanted(event, options)) live.push(event)
        if (live.length <= waitingMax) return
        overrun = true
        live.clear()
        live.end()
      },
      onFailed: (error) => live.fail(error),
    }
    const onAbort = () => live.end()
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const after = await parts.tail.attach(reader)
      const beganAt = positionOf(after + 1, 0)
      for await (const event of pages(parts.archive, options, next, after)) {
        yield event
        next = event.position + 1
      }
      const fromTimeMs = next instanceof Date ? next.getTime() : 0
      const from = typeof next === 'number' ? Math.max(next, 0) : beganAt
      next = Math.max(from, beganAt)
      for await (const event of live) {
        if (event.position < from || (fromTimeMs > 0 && Date.parse(event.time) < fromTimeMs)) continue
        yield event
        next = event.position + 1
      }
      throwIfAborted(options.signal)
    } finally {
      parts.tail.detach(reader)
      options.signal?.removeEventListener('abort', onAbort)
    }
  }
}

/** What the archive has, page by page; with `upTo` not beyond that sequence, and surely up to it. */
async function* pages(
  archive: ArchiveQueries,
  options: EventsOptions,
  start: number | Date,
  upTo?: number,
): AsyncGenerator<CloudEvent> {
  let next = start
  const end = upTo === undefined ? Number.POSITIVE_INFINITY : positionOf(upTo + 1, 0)
  for (;;) {
    throwIfAborted(options.signal)
    const { events, next: after } = await archive.query(
      'events',
      {
        ...(options.job === undefined ? {} : { job: options.job }),
        ...(options.host === undefined ? {} : { host: options.host }),
        ...(typeof next === 'number' ? { from: next } : { fromTimeMs: next.getTime() }),
        ...(upTo === undefined ? {} : { atLeastSequence: upTo }),
        limit: limits.listPageMax,
      },
      options.signal,
    )
    for (const event of events) {
      if (event.position >= end) return
      yield event
    }
    if (events.length === 0 || after >= end) return
    next = after
  }
}

const wanted = (event: CloudEvent, options: EventsOptions): boolean =>
  (options.job === undefined || event.data['job'] === options.job) &&
  (options.host === undefined || event.data['host'] === options.host)
