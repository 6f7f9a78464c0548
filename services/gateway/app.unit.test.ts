/** The gateway by injected requests, over a memory cell: statuses, problem documents, streams, bounds. */
import { Validator } from '@seriousme/openapi-schema-validator'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BrokerError, MemoryCell } from '#eventlog'
import { scriptOf, shortWaits } from '../../libs/client/contract/client.contract.ts'
import { StandIn } from '../../libs/client/testing/stand-in.ts'
import { buildGateway } from './app.ts'
import { openApiDocument } from './openapi.ts'

let cell: MemoryCell
let standIn: StandIn
let app: FastifyInstance
beforeEach(async () => {
  cell = new MemoryCell()
  standIn = new StandIn(cell.connect('stand-in'), scriptOf)
  app = await buildGateway(cell.connect('gateway'), { waits: shortWaits, writeLimitMs: 300 })
})
afterEach(() => app.close())

const post = (url: string, payload?: unknown, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url, headers, ...(payload === undefined ? {} : { payload: payload as object }) })
const get = (url: string, more: InjectOptions = {}) => app.inject({ method: 'GET', url, ...more })

describe('submitting', () => {
  test('201 with a receipt, 200 when it is the same job, and the state can be read at once', async () => {
    const first = await post('/v1/jobs', { command: ['true'], id: 'a' }, { 'millrace-actor': 'ada%20l' })
    expect(first.statusCode).toBe(201)
    expect(first.headers['location']).toBe('/v1/jobs/a')
    const receipt = first.json()
    expect(receipt).toEqual({ id: 'a', seq: expect.any(Number), duplicate: false })
    expect((await get(`/v1/jobs/a?seq=${receipt.seq}`)).json()).toMatchObject({ id: 'a', actor: 'ada l' })
    expect((await post('/v1/jobs', { command: ['true'], id: 'a' })).statusCode).toBe(200)
    const taken = await post('/v1/jobs', { command: ['echo'], id: 'a' })
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'id-taken'])
  })

  test('what is wrong is told with a code, a pointer and the right media type', async () => {
    const cases: [Parameters<typeof post>, number, string][] = [
      [['/v1/jobs', { command: [] }], 422, 'refused'],
      [['/v1/jobs', [1]], 422, 'refused'],
      [['/v1/jobs', '{"command":', { 'content-type': 'application/json' }], 400, 'bad-request'],
      [['/v1/jobs', '', { 'content-type': 'application/json' }], 400, 'bad-request'],
      [['/v1/jobs'], 422, 'refused'],
      [['/v1/jobs', 'command=true', { 'content-type': 'text/plain' }], 415, 'unsupported-media-type'],
      [['/v1/jobs', { command: ['a'], stdin: 'x'.repeat(600_000) }], 413, 'body-too-large'],
      [['/v1/jobs:batch', { jobs: [] }], 422, 'refused'],
      [['/v1/jobs:batch', { jobs: [{ command: ['true'] }, { command: 'true' }] }], 422, 'refused'],
      [['/v1/jobs/zzz:cancel'], 404, 'not-found'],
      [['/v1/jobs/zzz:cancel', { why: 'x' }], 400, 'bad-request'],
      [['/v1/jobs/zzz:explode'], 404, 'no-route'],
      [['/v1/jobs', { command: ['true'] }, { 'idempotency-key': '' }], 422, 'refused'],
      [['/v1/jobs', { command: ['true'] }, { 'idempotency-key': '%' }], 400, 'bad-request'],
    ]
    for (const [request, status, code] of cases) {
      const answer = await post(...request)
      expect([request[0], answer.statusCode, answer.json().code]).toEqual([request[0], status, code])
      expect(answer.headers['content-type']).toContain('application/problem+json')
    }
    const second = await post('/v1/jobs:batch', { jobs: [{ command: ['true'] }, { command: 'true' }] })
    expect(second.json().faults[0].pointer).toBe('/jobs/1/command')
    expect(standIn.jobs.size).toBe(0)
  })

  test('no acknowledgement in time is 503 broker-unreachable', async () => {
    const broker = cell.connect('cut-off')
    const append = (_: unknown, signal?: AbortSignal) =>
      new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(new BrokerError('timeout', 'x'))),
      )
    const cutOff = await buildGateway({ ...broker, log: { ...broker.log, append } }, { writeLimitMs: 50 })
    const answer = await cutOff.inject({ method: 'POST', url: '/v1/jobs', payload: { command: ['true'] } })
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'broker-unreachable'])
    await cutOff.close()
  })
})

describe('reading', () => {
  test('bad queries and unknown things', async () => {
    const cases: [string, number, string][] = [
      ['/v1/jobs/nothing', 404, 'not-found'],
      ['/v1/jobs/..%2f', 404, 'not-found'],
      ['/v1/jobs?limit=0', 400, 'bad-request'],
      ['/v1/jobs?limit=ten', 400, 'bad-request'],
      ['/v1/jobs?nope=1', 400, 'bad-request'],
      ['/v1/jobs/x/wait?timeout=soon', 400, 'bad-request'],
      ['/v1/jobs/x/logs?after=1', 400, 'bad-request'],
      ['/v1/events?fromTime=yesterday', 400, 'bad-request'],
      ['/v2/jobs', 404, 'no-route'],
      ['/', 404, 'no-route'],
    ]
    for (const [url, status, code] of cases) {
      const answer = await get(url)
      expect([url, answer.statusCode, answer.json().code]).toEqual([url, status, code])
    }
  })

  test('filters and pages', async () => {
    await post('/v1/jobs:batch', { jobs: [{ command: ['true'] }, { command: ['false'] }] })
    const { id } = (await post('/v1/jobs', { command: ['true'] })).json()
    await get(`/v1/jobs/${id}/wait`)
    expect((await get('/v1/jobs?state=failed,cancelled')).json().jobs).toHaveLength(1)
    expect((await get('/v1/jobs?limit=1')).json()).toMatchObject({ cursor: '1', jobs: [{ id }] })
  })

  test('wait: 200 with the end, 204 when the time is over', async () => {
    const { id } = (await post('/v1/jobs', { command: ['hold'] })).json()
    expect((await get(`/v1/jobs/${id}/wait?timeout=20ms`)).statusCode).toBe(204)
    await standIn.release(id)
    expect((await get(`/v1/jobs/${id}/wait`)).json()).toMatchObject({ id, state: 'succeeded' })
  })

  test('logs as lines and as raw bytes', async () => {
    const { id } = (await post('/v1/jobs', { command: ['echo'] })).json()
    const followed = await get(`/v1/jobs/${id}/logs?follow=true`)
    expect(followed.headers['content-type']).toBe('application/x-ndjson')
    const lines = followed.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ stream, data }) => [stream, Buffer.from(data, 'base64').toString()]).sort()).toEqual([
      ['stderr', 'oh\n'],
      ['stdout', 'hello\n'],
    ])
    expect((await get(`/v1/jobs/${id}/logs?raw=true`)).body).toBe('hello\n')
    expect((await get(`/v1/jobs/${id}/logs?raw=true&stream=stderr`)).body).toBe('oh\n')
    expect((await get(`/v1/jobs/${id}/logs?after=1:3:3&raw=true`)).body).toBe('lo\n')
  })

  test('events: a page, and a stream that goes on behind Last-Event-ID', async () => {
    const { id } = (await post('/v1/jobs', { command: ['true'] })).json()
    await get(`/v1/jobs/${id}/wait`)
    const page = (await get(`/v1/jobs/${id}/events`)).json()
    expect(page.events).toHaveLength(6)
    const third = page.events[2].position
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const response = await fetch(`${url}/v1/events`, {
      headers: { accept: 'text/event-stream', 'last-event-id': String(third) },
    })
    const reader = response.body!.getReader()
    let text = ''
    while (!text.includes('job.finished')) text += new TextDecoder().decode((await reader.read()).value)
    await reader.cancel()
    const ids = [...text.matchAll(/^id: ([0-9]+)$/gm)].map((match) => Number(match[1]))
    expect(ids).toEqual(page.events.slice(3).map((event: { position: number }) => event.position))
  })
})

describe('operation', () => {
  test('health, readiness, metrics', async () => {
    expect((await get('/healthz')).statusCode).toBe(200)
    expect((await get('/readyz')).statusCode).toBe(200)
    await standIn.pause()
    const unready = await get('/readyz')
    expect([unready.statusCode, unready.json().code]).toEqual([503, 'archive-unreachable'])
    const read = await get('/v1/jobs')
    expect([read.statusCode, read.json().code, read.headers['retry-after']]).toEqual([503, 'archive-unreachable', '1'])
    const metrics = (await get('/metrics')).body
    expect(metrics).toContain('millrace_http_requests_total{method="GET",route="/v1/jobs",status="503"} 1')
    expect(metrics).toContain('process_resident_memory_bytes')
  })

  test('with a token, /v1 is closed without it', async () => {
    const closed = await buildGateway(cell.connect('gateway'), { token: 'secret' })
    expect((await closed.inject({ url: '/v1/jobs' })).json()).toMatchObject({ status: 401, code: 'unauthorized' })
    const headers = { authorization: 'Bearer secret' }
    expect((await closed.inject({ url: '/v1/jobs', headers })).statusCode).toBe(200)
    expect((await closed.inject({ url: '/healthz' })).statusCode).toBe(200)
    await closed.close()
  })

  test('the OpenAPI document is valid 3.1 and names every route', async () => {
    const document = await openApiDocument()
    expect(document['openapi']).toBe('3.1.0')
    const { valid, errors } = await new Validator().validate(structuredClone(document))
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(Object.keys(document['paths'] as object).sort()).toEqual([
      '/healthz',
      '/metrics',
      '/openapi.json',
      '/readyz',
      '/v1/events',
      '/v1/hosts',
      '/v1/jobs',
      '/v1/jobs/{id}',
      '/v1/jobs/{id}/events',
      '/v1/jobs/{id}/logs',
      '/v1/jobs/{id}/wait',
      '/v1/jobs/{id}:cancel',
      '/v1/jobs/{id}:retry',
      '/v1/jobs:batch',
      '/v1/status',
    ])
    expect((await get('/openapi.json')).json()).toEqual(document)
  })
})
