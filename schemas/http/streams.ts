/** HTTP forms of what streams: output as NDJSON lines, events as Server-Sent Events (WHATWG HTML §9.2). */
import { type Static, Type } from '@sinclair/typebox'
import { limits } from '../limits.ts'

const closed = { additionalProperties: false } as const

export const LogsQuery = Type.Object(
  {
    follow: Type.Optional(Type.Boolean({ description: 'Go on until the job has ended.' })),
    attempt: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1 }), Type.Literal('last'), Type.Literal('all')], {
        description: 'Default: all attempts, one after the other.',
      }),
    ),
    stream: Type.Optional(Type.Union([Type.Literal('stdout'), Type.Literal('stderr')])),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]+:[0-9]+:[0-9]+$',
        description: 'attempt:stdoutBytes:stderrBytes that the reader has already: go on behind them.',
      }),
    ),
    raw: Type.Optional(
      Type.Boolean({ description: 'The bytes themselves instead of NDJSON; stream is stdout if not given.' }),
    ),
  },
  closed,
)
export type LogsQuery = Static<typeof LogsQuery>

/** One line of the NDJSON answer of `/logs`. Blank lines keep the connection alive and mean nothing. */
export const OutputLine = Type.Object(
  {
    attempt: Type.Integer({ minimum: 1 }),
    stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
    offset: Type.Integer({ minimum: 0, description: 'Of the first byte in that stream of that attempt.' }),
    data: Type.String({ description: 'base64' }),
    missing: Type.Optional(
      Type.Integer({ description: 'Bytes before this chunk that were never shipped; they are on the host only.' }),
    ),
  },
  { $id: 'OutputLine', title: 'OutputLine' },
)
export type OutputLine = Static<typeof OutputLine>

export const EventsQuery = Type.Object(
  {
    job: Type.Optional(Type.String()),
    host: Type.Optional(Type.String()),
    from: Type.Optional(Type.Integer({ minimum: 0, description: 'First position wanted (sequence × 4096 + index).' })),
    fromTime: Type.Optional(Type.String({ description: 'First broker time wanted, RFC 3339.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.listPageMax })),
    seq: Type.Optional(Type.Integer({ minimum: 0, description: 'Answer with at least this LOG sequence.' })),
  },
  closed,
)

export const EventPage = Type.Object(
  {
    events: Type.Array(Type.Unknown({ description: 'A CloudEvent 1.0.' })),
    next: Type.Integer({ description: 'Position to go on from.' }),
    seq: Type.Integer(),
  },
  { $id: 'EventPage', title: 'EventPage' },
)
export const HostList = Type.Object(
  { hosts: Type.Array(Type.Unknown()), seq: Type.Integer() },
  { $id: 'HostList', title: 'HostList' },
)
