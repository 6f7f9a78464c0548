/**
 * A plan as messages of LOG: one commit for its decisions, one for each host's orders, split where they are over a
 * limit. Pure and deterministic: the same plan of the same pass gives the same ids and bytes.
 */
import { type Plan, policy } from '#domain'
import { type Commit, type DoneNotice, type Event, encodeCommit, limits, type Subjects } from '#schemas'

export type OutgoingCommit = {
  subject: string
  /** Deterministic: `plan/<epoch>/<pass>/<n>`. */
  id: string
  commit: Commit
  bytes: Uint8Array
  /** Notices to publish once this commit is in the log; `seq` is filled in then. */
  done: Omit<DoneNotice, 'seq'>[]
}

/** In order of publication: whoever sees an order has seen the decisions of its pass. */
export type PlannedCommits = { decisions: OutgoingCommit[]; orders: OutgoingCommit[] }

export type PassOf = { epoch: number; pass: number; source: string; wallMs: number; subjects: Subjects }

/** Room for the commit's header: id, source, epoch, plan and the brackets around the events. */
const headerBytesMax = 2_048
/** Up to this many events, an ordinary one being far smaller, it is cheaper to try than to measure first. */
const measuredFrom = 256

/** Splits events in order, so that each part stays below the limits of one commit. Empty for no events. */
export const splitEvents = (events: readonly Event[]): Event[][] => {
  const parts: Event[][] = []
  let part: Event[] = []
  let bytes = headerBytesMax
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event)) + 1
    if (part.length > 0 && (bytes + size > limits.commitBytesMax || part.length === limits.commitEventsMax)) {
      parts.push(part)
      part = []
      bytes = headerBytesMax
    }
    part.push(event)
    bytes += size
  }
  if (part.length > 0) parts.push(part)
  return parts
}

/** Throws RangeError only when a single event is over the limit of a commit, which the schemas rule out. */
export const commitsOf = (plan: Plan, of: PassOf): PlannedCommits => {
  let n = 0
  const commitOf = (subject: string, events: readonly Event[]): OutgoingCommit => {
    const id = `plan/${of.epoch}/${of.pass}/${n}`
    const commit: Commit = {
      v: 1,
      id,
      source: of.source,
      time: of.wallMs,
      epoch: of.epoch,
      plan: { input: plan.input, now: plan.nowMs, policy, pass: of.pass },
      events,
    }
    const bytes = encodeCommit(commit)
    n++
    return { subject, id, commit, bytes, done: [] }
  }
  const commitsOn = (subject: string, events: readonly Event[]): OutgoingCommit[] => {
    if (events.length === 0) return []
    if (events.length <= measuredFrom) {
      try {
        return [commitOf(subject, events)]
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
    return splitEvents(events).map((part) => commitOf(subject, part))
  }
  const decisions = commitsOn(of.subjects.decisions, plan.decisions)
  const hosts = [...plan.orders].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const orders = hosts.flatMap(([host, events]) => commitsOn(of.subjects.orders(host), events))
  giveNotices(plan, decisions)
  return { decisions, orders }
}

/** Each notice goes with the commit that carries its job's decision. */
const giveNotices = (plan: Plan, decisions: OutgoingCommit[]): void => {
  const byJob = new Map<string, OutgoingCommit>()
  for (const commit of decisions) {
    for (const event of commit.commit.events) {
      if ('job' in event && event.type !== 'retrying' && !byJob.has(event.job)) byJob.set(event.job, commit)
    }
  }
  for (const notice of plan.done) byJob.get(notice.id)?.done.push(notice)
}
