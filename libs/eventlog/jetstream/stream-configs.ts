/** What each stream must look like (DESIGN §4). Data only; streams.ts makes them so and checks that each setting stuck. */
import type { StreamConfig } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { limits, type Subjects } from '#schemas'

/** Room for headers beside the payload. */
const headerBytesMax = 4 * 1024
const beatBytesMax = 16 * 1024 * 1024
const beatMessageBytesMax = 64 * 1024

type Named = Partial<StreamConfig> & { name: string }

/** The log: nothing is ever removed, by anybody or by age; when it is full, new messages are refused. */
export const logStream = (subjects: Subjects, replicas: number): Named => ({
  name: subjects.streams.log,
  description: 'Millrace: the ordered log of everything',
  subjects: subjects.logSubjects,
  storage: 'file',
  retention: 'limits',
  discard: 'new',
  deny_delete: true,
  deny_purge: true,
  allow_rollup_hdrs: false,
  max_age: 0,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_msg_size: limits.commitBytesMax + headerBytesMax,
  duplicate_window: nanos(limits.dedupeWindowMs),
  num_replicas: replicas,
})

/** The newest heartbeat of each host and the leader's lease; gone after the restart of a single server. */
export const beatStream = (subjects: Subjects, replicas: number): Named => ({
  name: subjects.streams.beat,
  description: 'Millrace: newest heartbeats and leases',
  subjects: subjects.beatSubjects,
  storage: 'memory',
  retention: 'limits',
  discard: 'old',
  max_msgs_per_subject: 1,
  max_bytes: beatBytesMax,
  max_msg_size: beatMessageBytesMax,
  num_replicas: replicas,
})

/** Output of jobs, bounded by size and age: the oldest goes. */
export const outputStream = (subjects: Subjects, replicas: number): Named => ({
  name: subjects.streams.output,
  description: 'Millrace: output of jobs',
  subjects: subjects.outputSubjects,
  storage: 'file',
  retention: 'limits',
  discard: 'old',
  max_age: nanos(limits.outputStreamAgeMsMax),
  max_msg_size: limits.outputChunkBytesMax + headerBytesMax,
  duplicate_window: nanos(limits.dedupeWindowMs),
  num_replicas: replicas,
})

/** Name of the stream that the object store keeps its files in (ADR-20). */
export const filesStreamName = (subjects: Subjects): string => `OBJ_${subjects.streams.files}`

/** The object store's stream, as its library makes it (ADR-20). */
export const filesStream = (subjects: Subjects, replicas: number): Named => ({
  name: filesStreamName(subjects),
  description: 'Millrace: snapshots and files',
  subjects: [`$O.${subjects.streams.files}.C.>`, `$O.${subjects.streams.files}.M.>`],
  storage: 'file',
  retention: 'limits',
  discard: 'new',
  allow_direct: true,
  allow_rollup_hdrs: true,
  num_replicas: replicas,
})
