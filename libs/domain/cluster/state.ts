/**
 * The whole state of a cell: a fold of LOG and nothing else. `evolve` changes the cluster it is given (a copy for each
 * of a million jobs would be too dear), so whoever folds owns it. Its size is bounded by the live jobs, not the past.
 */
import type { Fault } from '#schemas'
import { IndexedHeap } from '../heap.ts'
import type { Host } from '../host/state.ts'
import type { Job } from '../job/state.ts'
import type { Classes } from '../placement/classes.ts'
import type { Estimates } from '../placement/estimate.ts'

/** A submission that can't be taken and has not been answered yet. */
export type PendingRejection = {
  job: string
  submission: number
  reason: { code: string; text?: string }
  faults: readonly Fault[]
}

export type Counts = {
  /** Messages that could not be decoded. */
  malformed: number
  /** Decisions and orders of another epoch: ignored. */
  fenced: number
  /** Facts about attempts that are not current. */
  late: number
  /** Submits of an id that is taken by the same spec. */
  repeated: number
}

export type Cluster = {
  /** Position of the last event folded; 0 before the first. */
  position: number
  /** Newest broker time seen, ms. */
  timeMs: number
  leader: { epoch: number; leader: string; sinceMs: number } | null
  readonly jobs: Map<string, Job>
  /** Ids of ended jobs → hash of their spec, oldest first, bounded. */
  readonly finished: Map<string, number>
  readonly hosts: Map<string, Host>
  readonly classes: Classes
  readonly estimates: Estimates
  /** By submission position. */
  readonly rejections: Map<number, PendingRejection>
  /** Jobs about which `decideJob` may have something to say. */
  readonly attention: Set<Job>
  /** Jobs that wait for their back-off, the earliest first. */
  readonly backoff: IndexedHeap<Job>
  readonly counts: Counts
}

const dueAtMs = (job: Job): number => (job.state.kind === 'retrying' ? job.state.dueAtMs : 0)

export const newCluster = (): Cluster => ({
  position: 0,
  timeMs: 0,
  leader: null,
  jobs: new Map(),
  finished: new Map(),
  hosts: new Map(),
  classes: new Map(),
  estimates: new Map(),
  rejections: new Map(),
  attention: new Set(),
  backoff: new IndexedHeap<Job>((a, b) =>
    dueAtMs(a) !== dueAtMs(b) ? dueAtMs(a) < dueAtMs(b) : a.submission < b.submission,
  ),
  counts: { malformed: 0, fenced: 0, late: 0, repeated: 0 },
})
