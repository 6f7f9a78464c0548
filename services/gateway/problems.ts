/** The only place where an error code becomes an HTTP status. Every answer that is no success is a problem document. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ClientError, clientErrorHints } from '#client'
import { type Fault, type Problem, problemMediaType } from '#schemas'

const statusOf: Record<string, number> = {
  'bad-request': 400,
  unauthorized: 401,
  denied: 403,
  'not-found': 404,
  'no-route': 404,
  'method-not-allowed': 405,
  'ambiguous-id': 409,
  'id-taken': 409,
  'wrong-state': 409,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  refused: 422,
  'no-space': 507,
  'not-yet': 503,
  'archive-unreachable': 503,
  'broker-unreachable': 503,
  closed: 503,
  'timed-out': 504,
}

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Body too large',
  415: 'Unsupported media type',
  422: 'Refused',
  500: 'Internal error',
  503: 'Unavailable',
  504: 'Timed out',
  507: 'No space',
}

export class GatewayError extends Error {
  readonly code: string
  readonly hint: string
  readonly faults: readonly Fault[]
  constructor(code: string, message: string, hint = '', faults: readonly Fault[] = []) {
    super(message)
    this.name = 'GatewayError'
    this.code = code
    this.hint = hint
    this.faults = faults
  }
}

const fastifyCodes: Record<string, [code: string, hint: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'Send less at once: split a batch.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'Send application/json.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['bad-request', 'Send one JSON document in UTF-8.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['bad-request', 'Send a JSON document, or no content-type.'],
}

/** The problem document of anything that was thrown. Never shows the inside of an unexpected error. */
export const problemOf = (error: unknown, instance?: string): Problem => {
  const known = knownError(error)
  const status = statusOf[known.code] ?? 500
  return {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    detail: known.message,
    ...(instance === undefined ? {} : { instance }),
    code: known.code,
    ...(known.hint === '' ? {} : { hint: known.hint }),
    ...(known.faults.length === 0 ? {} : { faults: [...known.faults] }),
  }
}

const knownError = (error: unknown): Pick<GatewayError, 'code' | 'message' | 'hint' | 'faults'> => {
  if (error instanceof GatewayError || error instanceof ClientError) return error
  const { code = '', message, statusCode, validation, validationContext } = error as FastifyError
  const mapped = fastifyCodes[code]
  if (mapped) return { code: mapped[0], message, hint: mapped[1], faults: [] }
  if (validation) {
    const faults = validation.map((fault) => ({ pointer: pointerOf(fault), message: fault.message ?? 'does not fit' }))
    const what = faults.map((f) => `${f.pointer.slice(1)}: ${f.message}`).join('; ')
    const hint = 'See /openapi.json for what the route takes.'
    return { code: 'bad-request', message: `The ${validationContext ?? 'request'} does not fit: ${what}`, hint, faults }
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { code: 'bad-request', message, hint: '', faults: [] }
  return { code: 'internal', message: 'Something went wrong here.', hint: clientErrorHints.internal, faults: [] }
}

/** TypeBox's errors have a path, ajv's an instancePath. */
const pointerOf = (fault: object): string =>
  (fault as { path?: string }).path ?? (fault as { instancePath?: string }).instancePath ?? ''

export const sendProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const problem = problemOf(error, request.id)
  if (problem.status === 500) request.log.error({ err: error }, 'request failed')
  if (problem.status === 503) reply.header('retry-after', '1')
  return reply.code(problem.status).type(problemMediaType).send(JSON.stringify(problem))
}
