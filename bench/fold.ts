/** The scheduler's fold in memory: five commits for every 200 jobs, decoded and checked as from the log. */
import { evolve, newCluster } from '#domain'
import { decodeMessage, type Event, encodeCommit, subjectsOf } from '#schemas'

const subjects = subjectsOf('mr')
const jobsPerCommit = 200

type Message = { subject: string; bytes: Uint8Array; sequence: number; timeMs: number }

const messagesOf = (jobs: number): { messages: Message[]; events: number } => {
  const messages: Message[] = []
  let events = 0
  const add = (subject: string, list: Event[], epoch?: number): void => {
    const bytes = encodeCommit({
      v: 1,
      id: `m${messages.length}`,
      source: 'bench',
      time: 0,
      events: list,
      ...(epoch ? { epoch } : {}),
    })
    messages.push({ subject, bytes, sequence: messages.length + 1, timeMs: 1_000 + messages.length })
    events += list.length
  }
  const capacity = { cpuMilli: 2_000_000_000, memoryBytes: 0, custom: {} }
  const said = {
    bootId: 'b',
    incarnation: 'i',
    labels: {},
    tools: {},
    containment: 'process-group',
    version: '0',
    agentPid: 1,
    supervisorPid: null,
  }
  add(subjects.leaderClaimed, [{ type: 'leader-claimed', leader: 'bench' }])
  add(subjects.facts('h1'), [{ type: 'joined', ...said, capacity, inventory: [] }])
  for (let first = 0; first < jobs; first += jobsPerCommit) {
    const ids = Array.from({ length: jobsPerCommit }, (_, n) => `job${first + n}`)
    const spec = { command: ['/bin/true'] }
    add(
      subjects.batch(`b${first}`),
      ids.map((job) => ({ type: 'submitted', job, spec })),
    )
    add(
      subjects.orders('h1'),
      ids.map((job) => ({ type: 'assigned', job, attempt: 1, spec, reason: { code: 'first-fit' } })),
      1,
    )
    add(
      subjects.facts('h1'),
      ids.map((job) => ({ type: 'claimed', job, attempt: 1 })),
    )
    add(
      subjects.facts('h1'),
      ids.flatMap((job): Event[] => [
        { type: 'started', job, attempt: 1, pid: 5, at: 0 },
        { type: 'exited', job, attempt: 1, cause: 'exit', exitCode: 0, signal: null, at: 1, usage: { wallMs: 2 } },
      ]),
    )
    add(
      subjects.decisions,
      ids.map((job) => ({ type: 'finished', job, attempt: 1, state: 'succeeded', reason: { code: 'exit-zero' } })),
      1,
    )
  }
  return { messages, events }
}

export type FoldRate = { decodedPerSecond: number; foldedPerSecond: number; bothPerSecond: number }

/** Events per second, single-threaded. */
export const foldRate = (jobs: number): FoldRate => {
  const { messages, events } = messagesOf(jobs)
  const startedAt = performance.now()
  const incoming = messages.map(({ subject, bytes, sequence, timeMs }) => {
    const parsed = subjects.parse(subject)!
    return { subject: parsed, sequence, timeMs, decoded: decodeMessage(parsed, bytes) }
  })
  const decodedAt = performance.now()
  const cluster = newCluster()
  for (const message of incoming) evolve(cluster, message)
  const foldedAt = performance.now()
  if (cluster.jobs.size !== 0 || cluster.counts.fenced + cluster.counts.late > 0)
    throw new Error('The fold of the benchmark went wrong.')
  const rate = (ms: number): number => (events / ms) * 1000
  return {
    decodedPerSecond: rate(decodedAt - startedAt),
    foldedPerSecond: rate(foldedAt - decodedAt),
    bothPerSecond: rate(foldedAt - startedAt),
  }
}
