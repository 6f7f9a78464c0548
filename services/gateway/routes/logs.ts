/** GET /v1/jobs/{id}/logs: a job's output as NDJSON lines or as raw bytes, with or without following it. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { OutputCursor, OutputPiece } from '#client'
import { IdParameter, LogsQuery, type OutputLine } from '#schemas'
import { type Context, findJob } from '../context.ts'
import { problemOf } from '../problems.ts'
import { signalOfReply, stream } from '../streaming.ts'

export const logRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/v1/jobs/:id/logs',
      {
        schema: {
          tags: ['jobs'],
          summary: 'Output of a job: NDJSON lines of OutputLine (or {"error": Problem} as the last), or raw bytes.',
          params: IdParameter,
          querystring: LogsQuery,
          produces: ['application/x-ndjson', 'application/octet-stream'],
          response: { 200: Type.String() },
        },
      },
      async (request, reply) => {
        const { follow = false, attempt = 'all', raw = false, stream: only, after } = request.query
        const signal = signalOfReply(reply, context.closing)
        const view = await findJob(context, request.params.id, undefined, signal)
        const wanted = only ?? (raw ? 'stdout' : undefined)
        const pieces = context.transport.output(view.id, {
          follow,
          attempt,
          signal,
          ...(after === undefined ? {} : { after: cursorOf(after) }),
        })
        const source = wanted === undefined ? pieces : ofStream(pieces, wanted)
        const form = raw ? rawForm : lineForm
        return stream(reply, source, form, signal)
      },
    )
  }

const lineForm = {
  contentType: 'application/x-ndjson',
  encode: ({ bytes, ...rest }: OutputPiece) => {
    const line: OutputLine = { ...rest, data: Buffer.from(bytes).toString('base64') }
    return `${JSON.stringify(line)}\n`
  },
  keepAlive: '\n',
  encodeError: (error: unknown) => `${JSON.stringify({ error: problemOf(error) })}\n`,
}

const rawForm = {
  contentType: 'application/octet-stream',
  encode: ({ bytes }: OutputPiece) => bytes,
  keepAlive: null,
  encodeError: () => null,
}

async function* ofStream(pieces: AsyncIterable<OutputPiece>, wanted: OutputPiece['stream']) {
  for await (const piece of pieces) if (piece.stream === wanted) yield piece
}

const cursorOf = (text: string): OutputCursor => {
  const [attempt, stdoutBytes, stderrBytes] = text.split(':').map(Number)
  return { attempt: Math.max(1, attempt!), stdoutBytes: stdoutBytes!, stderrBytes: stderrBytes! }
}
