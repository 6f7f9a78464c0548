/**
 * Placement: which queued jobs start now, and where. Reads the cluster, changes nothing, gives the orders.
 *
 * Jobs go in order of priority and submission. Each takes the first host (by id) that has room; a class that finds
 * no host is done for this pass, and jobs of other classes may pass it by. Hosts that were full for a class are not
 * asked again in the pass, so a pass costs O(classes × hosts looked at once + placements × log).
 */
import { type Assigned, limits, type Reason, type Resources } from '#schemas'
import type { Cluster } from '../cluster/state.ts'
import { IndexedHeap } from '../heap.ts'
import type { Host } from '../host/state.ts'
import type { Job } from '../job/state.ts'
import { addResources, fits, noResources } from '../resources.ts'
import { type PlacementClass, startsBefore } from './classes.ts'
import { estimateKey, orderFactor } from './estimate.ts'

export type Placement = { host: string; order: Assigned }

/** What this pass knows of a host: its load with the orders of this pass. */
type Room = { host: Host; used: Resources; usedLong: Resources; count: number }

type Cursor = {
  of: PlacementClass
  job: Job
  rest: Iterator<Job, void>
  rooms: Room[]
  next: number
  nextAhead: number
}

/** `excluded`: jobs that this pass decides otherwise about (a cancel). `due`: jobs whose back-off is over. */
export const place = (cluster: Cluster, due: readonly Job[], excluded: ReadonlySet<string>): Placement[] => {
  if (due.length === 0 && !hasQueued(cluster)) return []
  const rooms = openRooms(cluster)
  if (rooms.length === 0) return []
  const cursors = new IndexedHeap<Cursor>((a, b) => startsBefore(a.job, b.job))
  for (const cursor of newCursors(cluster, due, rooms, excluded)) cursors.push(cursor)
  const placements: Placement[] = []
  while (placements.length < limits.placementsPerPassMax) {
    const cursor = cursors.pop()
    if (!cursor) break
    const found = findRoom(cluster, cursor)
    if (!found) continue
    placements.push(take(cursor, found))
    const job = nextOf(cursor.rest, excluded)
    if (job) cursors.push(Object.assign(cursor, { job }))
  }
  return placements
}

/** Most passes of a calm cell have nothing to place: then its hosts need not be looked at. */
const hasQueued = (cluster: Cluster): boolean => {
  for (const { jobs } of cluster.classes.values()) if (jobs.size > 0) return true
  return false
}

const openRooms = (cluster: Cluster): Room[] => {
  const rooms: Room[] = []
  for (const host of cluster.hosts.values()) {
    if (host.state === 'up' && host.attempts.size < limits.attemptsPerHostMax)
      rooms.push({ host, used: host.reserved, usedLong: host.reservedLong, count: host.attempts.size })
  }
  return rooms.sort((a, b) => (a.host.id < b.host.id ? -1 : 1))
}

const newCursors = (cluster: Cluster, due: readonly Job[], rooms: Room[], excluded: ReadonlySet<string>): Cursor[] => {
  const dueByClass = new Map<PlacementClass, Job[]>()
  for (const job of due) {
    const list = dueByClass.get(job.placement)
    if (list) list.push(job)
    else dueByClass.set(job.placement, [job])
  }
  const byHost = new Map(rooms.map((room) => [room.host.id, [room]]))
  const cursors: Cursor[] = []
  for (const of of cluster.classes.values()) {
    const dueJobs = dueByClass.get(of)?.sort((a, b) => (startsBefore(a, b) ? -1 : 1)) ?? []
    if (of.jobs.size === 0 && dueJobs.length === 0) continue
    const own = of.host === null ? rooms : (byHost.get(of.host) ?? [])
    if (own.length === 0) continue
    const rest = merged(of.jobs.inOrder(), dueJobs)
    const job = nextOf(rest, excluded)
    if (job) cursors.push({ of, job, rest, rooms: own, next: 0, nextAhead: 0 })
  }
  return cursors
}

/** Two ordered sources as one. */
function* merged(queued: Iterator<Job, void>, due: readonly Job[]): Generator<Job, void, undefined> {
  let head = queued.next()
  for (const job of due) {
    while (!head.done && startsBefore(head.value, job)) {
      yield head.value
      head = queued.next()
    }
    yield job
  }
  while (!head.done) {
    yield head.value
    head = queued.next()
  }
}

const nextOf = (rest: Iterator<Job, void>, excluded: ReadonlySet<string>): Job | null => {
  for (let next = rest.next(); !next.done; next = rest.next()) if (!excluded.has(next.value.id)) return next.value
  return null
}

type Found = { room: Room; reason: Reason; short: boolean }

const findRoom = (cluster: Cluster, cursor: Cursor): Found | null => {
  const factor = orderFactor(cluster.estimates, estimateKey(cursor.job.spec))
  const short = factor > 1
  const need = cursor.of.resources
  for (; cursor.next < cursor.rooms.length; cursor.next++) {
    const room = cursor.rooms[cursor.next]!
    if (room.count < limits.attemptsPerHostMax && fits(room.host.joined.capacity, room.used, need))
      return { room, reason: { code: 'first-fit' }, short }
  }
  if (!short) return null
  for (; cursor.nextAhead < cursor.rooms.length; cursor.nextAhead++) {
    const room = cursor.rooms[cursor.nextAhead]!
    if (room.count < limits.attemptsPerHostMax && fitsAhead(room, need, factor))
      return { room, reason: { code: 'order-ahead' }, short }
  }
  return null
}

/** Ahead counts only on what turns over: the capacity without the attempts that are not known to be short. */
const fitsAhead = ({ host, used, usedLong }: Room, need: Resources, factor: number): boolean => {
  const turnover = addResources(host.joined.capacity, usedLong, -1)
  const waiting = addResources(used, usedLong, -1)
  return fits(turnover, nothing, need) && fits(turnover, waiting, need, factor)
}

const nothing: Resources = noResources()

const take = ({ job, of }: Cursor, { room, reason, short }: Found): Placement => {
  if (!short) room.usedLong = addResources(room.usedLong, of.resources)
  room.used = addResources(room.used, of.resources)
  room.count++
  return {
    host: room.host.id,
    order: { type: 'assigned', job: job.id, attempt: job.attempts + 1, spec: job.spec, reason },
  }
}
