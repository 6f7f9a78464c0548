/**
 * The one place that builds and parses NATS subjects. `mr` is the namespace (a cell's prefix): one token,
 * configurable, so that several cells can share a server.
 */

import type { Writer } from './events/index.ts'
import { isHostId, isJobId } from './names.ts'

export const namespacePattern = '^[a-z][a-z0-9]{0,15}$'

export type LogSubject =
  | { kind: 'job'; job: string; event: string }
  | { kind: 'batch'; batch: string }
  | { kind: 'orders'; host: string }
  | { kind: 'facts'; host: string }
  | { kind: 'decisions' }
  | { kind: 'control'; event: string }

export type Subjects = ReturnType<typeof subjectsOf>

/** Builders and the parser for one namespace. Throws on a namespace that is no safe token. */
export const subjectsOf = (namespace = 'mr') => {
  if (!new RegExp(namespacePattern).test(namespace))
    throw new RangeError(`Namespace "${namespace}" does not match ${namespacePattern}.`)
  const upper = namespace.toUpperCase()
  return {
    namespace,
    streams: { log: `${upper}_LOG`, beat: `${upper}_BEAT`, output: `${upper}_OUTPUT`, files: `${upper}_FILES` },
    /** Subject filters of each stream. */
    logSubjects: [
      'job.*.*',
      'batch.*.submitted',
      'host.*.orders',
      'host.*.facts',
      'scheduler.decisions',
      'control.*',
    ].map((s) => `${namespace}.${s}`),
    beatSubjects: [`${namespace}.beat.*`, `${namespace}.lease.leader`],
    outputSubjects: [`${namespace}.output.*.*.*`],
    job: (job: string, event: string) => `${namespace}.job.${job}.${event}`,
    batch: (batch: string) => `${namespace}.batch.${batch}.submitted`,
    orders: (host: string) => `${namespace}.host.${host}.orders`,
    facts: (host: string) => `${namespace}.host.${host}.facts`,
    /** What an agent's durable consumer is filtered by. */
    ofHost: (host: string) => [`${namespace}.host.${host}.*`, `${namespace}.control.*`],
    agentConsumer: (host: string) => `agent-${host}`,
    decisions: `${namespace}.scheduler.decisions`,
    leaderClaimed: `${namespace}.control.leader-claimed`,
    beat: (host: string) => `${namespace}.beat.${host}`,
    beats: `${namespace}.beat.*`,
    leaderLease: `${namespace}.lease.leader`,
    output: (job: string, attempt: number, stream: 'out' | 'err') => `${namespace}.output.${job}.${attempt}.${stream}`,
    outputOfJob: (job: string) => `${namespace}.output.${job}.*.*`,
    /** Plain notices, not stored: for those who wait. Published only after the commit is acknowledged. */
    done: (job: string) => `${namespace}.done.${job}`,
    notice: (job: string, event: string) => `${namespace}.notice.${job}.${event}`,
    notices: (job: string) => `${namespace}.notice.${job}.*`,
    /** Request/reply, answered by the archive. */
    query: (name: string) => `${namespace}.query.${name}`,
    queries: `${namespace}.query.*`,

    /** Host id of a heartbeat's subject, or null. */
    hostOfBeat: (subject: string): string | null => {
      const tokens = subject.split('.')
      return tokens.length === 3 && tokens[0] === namespace && tokens[1] === 'beat' && isHostId(tokens[2]!)
        ? tokens[2]!
        : null
    },

    /** Takes a LOG subject apart; null when it is none of ours or a name in it is malformed. */
    parse: (subject: string): LogSubject | null => {
      const [prefix, kind, a, b, extra] = subject.split('.')
      if (prefix !== namespace || extra !== undefined || !a || b === '') return null
      if (kind === 'job' && b !== undefined && isJobId(a)) return { kind, job: a, event: b }
      if (kind === 'batch' && b === 'submitted') return { kind, batch: a }
      if (kind === 'host' && isHostId(a) && (b === 'orders' || b === 'facts')) return { kind: b, host: a }
      if (kind === 'scheduler' && a === 'decisions' && b === undefined) return { kind: 'decisions' }
      if (kind === 'control' && b === undefined) return { kind, event: a }
      return null
    },
  }
}

/** Which writer's events may stand on a subject: how a permission list becomes a rule that every reader checks. */
export const writerOf = (subject: LogSubject): Writer => {
  switch (subject.kind) {
    case 'job':
    case 'batch':
      return 'client'
    case 'orders':
      return 'order'
    case 'facts':
      return 'fact'
    case 'decisions':
      return 'decision'
    case 'control':
      return 'control'
  }
}
