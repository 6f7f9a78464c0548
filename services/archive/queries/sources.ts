/** What the answers are made from. */
import type { Clock } from '#runtime'
import type { ArchiveStore } from '#store'
import type { Heartbeats } from '../heartbeats.ts'
import type { Commits } from './commits.ts'

export type Sources = {
  readonly store: ArchiveStore
  readonly commits: Commits
  readonly heartbeats: Pick<Heartbeats, 'lastMs'>
  readonly clock: Clock
}
