/** POST /v1/jobs, /v1/jobs:batch, /v1/jobs/{id}:cancel and :retry. Each answers only after its event is in the log. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { checkDocument } from '#client'
import { type BatchBody, BatchReceipt, CancelBody, IdParameter, JobDocument, limits, Receipt, SeqQuery } from '#schemas'
import { type Context, writing } from '../context.ts'
import { GatewayError } from '../problems.ts'

const WriteHeaders = Type.Object({
  'idempotency-key': Type.Optional(Type.String({ description: 'The same key is the same job. Percent-encoded.' })),
  'millrace-actor': Type.Optional(Type.String({ description: 'Who asks for it: stands in the log. Percent-encoded.' })),
})
const tags = ['jobs']
/** The client checks documents and names each fault with its JSON pointer; the schema here is for the documentation. */
const documented = { validatorCompiler: () => () => true as const }

export const submitRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/jobs',
      {
        ...documented,
        bodyLimit: 4 * limits.specBytesMax,
        schema: {
          tags,
          summary: 'Submit a job.',
          headers: WriteHeaders,
          body: JobDocument,
          response: { 200: Receipt, 201: Receipt },
        },
      },
      async (request, reply) => {
        const receipt = await writing(context, request, (write) =>
          context.transport.submit(checkDocument(request.body), write),
        )
        return reply
          .code(receipt.duplicate ? 200 : 201)
          .header('location', `/v1/jobs/${receipt.id}`)
          .send(receipt)
      },
    )

    app.post(
      '/v1/jobs::batch',
      {
        ...documented,
        schema: {
          tags,
          summary: 'Submit many jobs.',
          headers: WriteHeaders,
          body: Type.Object({ jobs: Type.Array(JobDocument, { minItems: 1, maxItems: limits.jobsPerBatchMax }) }),
          response: { 201: BatchReceipt },
        },
      },
      async (request, reply) => {
        const jobs = (request.body as BatchBody | null)?.jobs
        if (!Array.isArray(jobs) || jobs.length === 0 || jobs.length > limits.jobsPerBatchMax) {
          const message = `Expected an array of 1 to ${limits.jobsPerBatchMax} jobs.`
          throw new GatewayError('refused', message, 'Send {"jobs": […]}.', [{ pointer: '/jobs', message }])
        }
        const documents = jobs.map((job, n) => checkDocument(job, `/jobs/${n}`))
        const receipts = await writing(context, request, (write) => context.transport.submitMany(documents, write))
        return reply.code(201).send({ jobs: receipts, seq: Math.max(...receipts.map(({ seq }) => seq)) })
      },
    )

    app.post(
      '/v1/jobs/:id([^:/]+)::cancel',
      {
        schema: {
          tags,
          summary: 'Ask for a job to be ended, whatever its state.',
          params: IdParameter,
          querystring: SeqQuery,
          headers: WriteHeaders,
          body: Type.Union([CancelBody, Type.Null()]),
          response: { 202: Type.Object({ id: Type.String(), seq: Type.Integer() }) },
        },
      },
      async (request, reply) => {
        const known = knownOf(request.query.seq)
        const accepted = await writing(context, request, (write) =>
          context.transport.cancel(request.params.id, request.body ?? {}, { ...write, ...known }),
        )
        return reply.code(202).send(accepted)
      },
    )

    app.post(
      '/v1/jobs/:id([^:/]+)::retry',
      {
        schema: {
          tags,
          summary: 'Submit an ended job again, or try a job at once that waits to be retried.',
          params: IdParameter,
          querystring: SeqQuery,
          headers: WriteHeaders,
          response: { 201: Receipt },
        },
      },
      async (request, reply) => {
        const known = knownOf(request.query.seq)
        const receipt = await writing(context, request, (write) =>
          context.transport.retry(request.params.id, { ...write, ...known }),
        )
        return reply.code(201).send(receipt)
      },
    )
  }

const knownOf = (seq: number | undefined) => (seq === undefined ? {} : { known: seq })
