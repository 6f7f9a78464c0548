/** HTTP bodies and parameters of jobs. Strict on the way in (unknown fields are refused), open on the way out. */
import { type Static, Type } from '@sinclair/typebox'
import { JobSpec } from '../jobspec.ts'
import { limits } from '../limits.ts'
import { JobId } from '../names.ts'
import { type DoneNotice, isTerminalState, JobState, type JobSummary } from '../queries.ts'

const closed = { additionalProperties: false } as const

/** What is posted, and what stands in a job file: a JobSpec, and the id where the client chooses it. */
export const JobDocument = Type.Object(
  { ...JobSpec.properties, id: Type.Optional(JobId) },
  { ...closed, $id: 'JobDocument', title: 'JobDocument', description: 'A JobSpec, with its id if the client has one.' },
)
export type JobDocument = JobSpec & { id?: string }

export const BatchBody = Type.Object(
  { jobs: Type.Array(Type.Unknown(), { minItems: 1, maxItems: limits.jobsPerBatchMax }) },
  { ...closed, $id: 'Batch', title: 'Batch', description: 'Many JobDocuments; all are checked before any is taken.' },
)
export type BatchBody = { jobs: JobDocument[] }

/** What a client knows once its submission is in the log. */
export const Receipt = Type.Object(
  {
    id: JobId,
    seq: Type.Integer({ description: 'LOG sequence of the submission: give it as `seq` to read at least that state.' }),
    duplicate: Type.Boolean({ description: 'True when the same job was submitted before: it is the same job.' }),
  },
  { $id: 'Receipt', title: 'Receipt' },
)
export type Receipt = Static<typeof Receipt>

export const BatchReceipt = Type.Object({ jobs: Type.Array(Receipt), seq: Type.Integer() }, { $id: 'BatchReceipt' })
export type BatchReceipt = Static<typeof BatchReceipt>

export const CancelBody = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: limits.reasonTextBytesMax })),
    force: Type.Optional(Type.Boolean({ description: 'Kill without grace.' })),
  },
  { ...closed, $id: 'Cancel', title: 'Cancel' },
)
export type CancelBody = Static<typeof CancelBody>

const NullableText = Type.Union([Type.String(), Type.Null()])
const NullableInteger = Type.Union([Type.Integer(), Type.Null()])

export const JobPage = Type.Object(
  {
    jobs: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Type.String(),
        state: JobState,
        queue: Type.String(),
        priority: Type.Integer(),
        command: Type.Array(Type.String()),
        exitCode: NullableInteger,
        host: NullableText,
        submittedAt: NullableText,
        startedAt: NullableText,
        finishedAt: NullableText,
      }),
    ),
    cursor: Type.Union([Type.String(), Type.Null()], {
      description: 'Give it back for the next page; null at the end.',
    }),
    seq: Type.Integer({ description: 'LOG sequence that this reflects.' }),
  },
  { $id: 'JobPage', title: 'JobPage', description: 'Newest first.' },
)
export type JobPage = { jobs: JobSummary[]; cursor: string | null; seq: number }

/** How a job ended: what `wait` gives. The same document as the notice `mr.done.<id>`. */
export const Done = Type.Object(
  {
    id: JobId,
    state: Type.Union((['succeeded', 'failed', 'cancelled', 'rejected'] as const).map((s) => Type.Literal(s))),
    reason: Type.Object({ code: Type.String(), text: Type.Optional(Type.String()) }),
    exitCode: NullableInteger,
    signal: NullableText,
    cause: NullableText,
    attempt: NullableInteger,
    stdoutBytes: Type.Integer(),
    stderrBytes: Type.Integer(),
    seq: Type.Integer({ description: 'LOG sequence of the deciding commit.' }),
  },
  { $id: 'Done', title: 'Done' },
)

/** True for an object that is a DoneNotice as far as its readers go. */
export const isDoneNotice = (value: unknown): value is DoneNotice =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as DoneNotice).id === 'string' &&
  isTerminalState(String((value as DoneNotice).state))

const List = (items: ReturnType<typeof Type.String>, description: string) =>
  Type.Optional(Type.Union([items, Type.Array(items)], { description }))

export const ListQuery = Type.Object(
  {
    state: List(Type.String(), 'Repeatable, or separated by commas.'),
    queue: Type.Optional(Type.String()),
    label: List(Type.String({ pattern: '^[^=]+=' }), 'key=value, repeatable: all must fit.'),
    live: Type.Optional(Type.Boolean({ description: 'Only jobs that have not ended.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.listPageMax })),
    cursor: Type.Optional(Type.String()),
    seq: Type.Optional(Type.Integer({ minimum: 0, description: 'Answer with at least this LOG sequence.' })),
  },
  closed,
)
export const SeqQuery = Type.Object(
  { seq: Type.Optional(Type.Integer({ minimum: 0, description: 'Answer with at least this LOG sequence.' })) },
  closed,
)
export const WaitQuery = Type.Object(
  { timeout: Type.Optional(Type.String({ description: 'A duration such as 30s; 60s at most. Default 30s.' })) },
  closed,
)
export const IdParameter = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 64, description: 'Id of the job, or any unambiguous prefix of it.' }),
})
