/** Reads a job's output over NATS: kept and new chunks, notices and the archive's view, joined by OutputReader. */
import type { Broker, OutputChunk } from '#eventlog'
import { type DoneNotice, isTerminalState, type JobView, limits, type Subjects } from '#schemas'
import { isClientError, throwIfAborted } from '../errors.ts'
import { Queue } from '../queue.ts'
import type { OutputOptions, OutputPiece } from '../transport.ts'
import type { ArchiveQueries } from './archive-queries.ts'
import { OutputReader } from './output-reader.ts'

type Parts = {
  broker: Broker
  subjects: Subjects
  archive: ArchiveQueries
  done: (id: string, signal: AbortSignal) => Promise<DoneNotice>
  stragglerMs: number
}
type Signal =
  | { kind: 'chunk'; chunk: OutputChunk }
  | { kind: 'started'; attempt: number }
  | { kind: 'caught-up' }
  | { kind: 'done'; notice: DoneNotice }

const endedStates = new Set(['exited', 'lost', 'refused', 'revoked'])

/** The output of one job; ends when the job has ended and everything was given (without `follow`: when caught up). */
export async function* followOutput(parts: Parts, id: string, options: OutputOptions): AsyncGenerator<OutputPiece> {
  const follow = options.follow ?? true
  const signals = new Queue<Signal>()
  const over = new AbortController()
  const stops: (() => unknown)[] = [() => over.abort()]
  const onAbort = () => signals.fail(options.signal!.reason)
  options.signal?.addEventListener('abort', onAbort, { once: true })
  stops.push(() => options.signal?.removeEventListener('abort', onAbort))
  try {
    throwIfAborted(options.signal)
    if (follow) {
      parts.done(id, over.signal).then(
        (notice) => signals.push({ kind: 'done', notice }),
        (error) => signals.fail(error),
      )
      const started = parts.broker.notices.subscribe(parts.subjects.notice(id, 'started'), (_, bytes) => {
        const attempt = attemptOf(bytes)
        if (attempt !== null) signals.push({ kind: 'started', attempt })
      })
      stops.push(() => started.stop())
    }
    const reader = new OutputReader(await firstCursor(parts, id, options))
    const chunks = parts.broker.output.follow(
      id,
      (chunk) => signals.push({ kind: 'chunk', chunk }),
      () => signals.push({ kind: 'caught-up' }),
    )
    chunks.closed.catch((error) => signals.fail(error))
    stops.push(() => void chunks.stop())
    yield* readAll(parts, id, options, follow, reader, signals)
  } finally {
    for (const stop of stops) stop()
  }
}

async function* readAll(
  parts: Parts,
  id: string,
  options: OutputOptions,
  follow: boolean,
  reader: OutputReader,
  signals: Queue<Signal>,
): AsyncGenerator<OutputPiece> {
  const only = typeof options.attempt === 'number' ? options.attempt : null
  let done: DoneNotice | null = null
  let caughtUp = false
  for await (const signal of signals) {
    if (signal.kind === 'chunk') yield* reader.add(signal.chunk)
    if (signal.kind === 'caught-up') caughtUp = true
    if (signal.kind === 'done') done = signal.notice
    const newer = signal.kind === 'started' ? signal.attempt : reader.newestAttempt
    const finishing = follow ? done !== null : caughtUp
    if (newer <= reader.attempt && !finishing) continue
    if (done && isAllThere(reader, done)) return
    // An attempt has been followed by another one, or the job has ended: complete the present one from the archive.
    const view = await viewAfter(parts, id, done?.seq)
    const last = view.attempts.at(-1)?.n ?? 0
    while (reader.attempt <= last) {
      const attempt = view.attempts.find((a) => a.n === reader.attempt)
      if (attempt && !endedStates.has(attempt.state) && reader.attempt === last && !isTerminalState(view.state)) break
      if (attempt) yield* settle(reader, attempt, signals, parts.stragglerMs)
      if (only !== null || reader.attempt === last) break
      yield* reader.next(reader.attempt + 1)
    }
    if (finishing) return
    const present = view.attempts.find((a) => a.n === reader.attempt)
    if (only !== null && present && endedStates.has(present.state)) return
  }
}

/** Gives the rest of an ended attempt, waiting a bounded time for chunks that are still on their way. */
async function* settle(
  reader: OutputReader,
  attempt: JobView['attempts'][number],
  signals: Queue<Signal>,
  stragglerMs: number,
): AsyncGenerator<OutputPiece> {
  let wait = true
  const held: Signal[] = []
  for (;;) {
    const { pieces, complete } = reader.settle(attempt, wait)
    yield* pieces
    if (complete) break
    if (signals.length === 0) await signals.ready(stragglerMs)
    signals.throwIfFailed()
    const signal = signals.poll()
    if (signal === undefined) wait = false
    else if (signal.kind === 'chunk') yield* reader.add(signal.chunk)
    else held.push(signal)
  }
  for (const signal of held) signals.push(signal)
}

/** The usual short job: one attempt, and every byte that the notice counts was given: no need to ask anybody. */
const isAllThere = (reader: OutputReader, done: DoneNotice): boolean =>
  (done.attempt === null || done.attempt === reader.attempt) &&
  reader.delivered('stdout') >= done.stdoutBytes &&
  reader.delivered('stderr') >= done.stderrBytes

const firstCursor = async (parts: Parts, id: string, options: OutputOptions) => {
  if (options.after) return options.after
  const none = { stdoutBytes: 0, stderrBytes: 0 }
  if (typeof options.attempt === 'number') return { attempt: options.attempt, ...none }
  if (options.attempt !== 'last') return { attempt: 1, ...none }
  const view = await viewAfter(parts, id, undefined)
  return { attempt: Math.max(1, view.attempts.at(-1)?.n ?? 1), ...none }
}

/** The archive's view of the job that reflects at least what is in the log now, as far as it can be had. */
const viewAfter = async (parts: Parts, id: string, seq: number | undefined): Promise<JobView> => {
  try {
    const atLeastSequence = seq ?? (await parts.broker.log.info()).last
    return await parts.archive.query('job', { id, atLeastSequence })
  } catch (error) {
    if (!isClientError(error, 'not-yet')) throw error
    return parts.archive.query('job', { id })
  }
}

const attemptOf = (bytes: Uint8Array): number | null => {
  try {
    const { attempt } = JSON.parse(new TextDecoder().decode(bytes)) as { attempt?: unknown }
    return typeof attempt === 'number' && attempt <= limits.retriesMax * 10 ? attempt : null
  } catch {
    return null
  }
}
