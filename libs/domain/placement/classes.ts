/**
 * Placement classes: queued jobs of equal shape share one, so that a pass asks once per class whether a host fits,
 * not once per job. A class holds its jobs in the order in which they shall start.
 */
import type { JobSpec, Resources } from '#schemas'
import { normaliseSpec } from '#schemas'
import { IndexedHeap } from '../heap.ts'
import type { Job } from '../job/state.ts'
import { resourcesKey } from '../resources.ts'

export type PlacementClass = {
  readonly key: string
  readonly queue: string
  readonly resources: Resources
  /** The only host that will do; null when any. */
  readonly host: string | null
  readonly jobs: IndexedHeap<Job>
  /** Live jobs of this class, queued or not: the class is dropped with the last one. */
  members: number
}

export type Classes = Map<string, PlacementClass>

/** Higher priority first, then first come, first served. Positions are unique, so the order is total. */
export const startsBefore = (a: Job, b: Job): boolean =>
  a.priority !== b.priority ? a.priority > b.priority : a.submission < b.submission

/** The class of a spec, made when it is the first of its kind. Counts one member more. */
export const joinClass = (classes: Classes, spec: JobSpec): PlacementClass => {
  const { queue, resources, host } = normaliseSpec(spec)
  const key = `${queue}|${host ?? '*'}|${resourcesKey(resources)}`
  let found = classes.get(key)
  if (!found) {
    found = { key, queue, resources, host, jobs: new IndexedHeap(startsBefore), members: 0 }
    classes.set(key, found)
  }
  found.members++
  return found
}

/** A job of the class is no longer live. */
export const leaveClass = (classes: Classes, job: Job): void => {
  job.placement.jobs.remove(job)
  job.placement.members--
  if (job.placement.members === 0) classes.delete(job.placement.key)
}
