/** One HTTP request to the gateway: addresses, token, problem documents turned into ClientError. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Problem } from '#schemas'
import { abortReason, ClientError, throwIfAborted } from '../errors.ts'

export type GatewayOptions = {
  url: string
  token?: string
  /** Where a connection is refused: how long to go on trying (a gateway that restarts). Default 0. */
  patienceMs?: number
}

export type RequestParts = {
  method?: 'GET' | 'POST'
  query?: Record<string, string | number | boolean | readonly string[] | undefined>
  body?: unknown
  headers?: Record<string, string | undefined>
  signal?: AbortSignal | undefined
}

const pauseMs = 200

export class Gateway {
  readonly #base: string
  readonly #token: string | undefined
  readonly #patienceMs: number

  constructor(options: GatewayOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : null
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
      throw new ClientError('bad-request', `${JSON.stringify(options.url)} is no http address.`, {
        hint: 'Give one such as http://127.0.0.1:7070.',
      })
    this.#base = url.href.replace(/\/$/, '')
    this.#token = options.token
    this.#patienceMs = options.patienceMs ?? 0
  }

  /** Throws ClientError for every answer that is no success. */
  async request(path: string, parts: RequestParts = {}): Promise<Response> {
    const response = await this.#send(path, parts)
    if (response.ok) return response
    throw await errorOf(response)
  }

  async json<T>(path: string, parts: RequestParts = {}): Promise<T> {
    const response = await this.request(path, parts)
    try {
      return (await response.json()) as T
    } catch (error) {
      if (parts.signal?.aborted) throw abortReason(parts.signal)
      throw this.#unreachable(error, 'The gateway broke off its answer')
    }
  }

  /** Only a refused connection is tried again: then nothing was sent. */
  async #send(path: string, parts: RequestParts): Promise<Response> {
    const giveUpAt = performance.now() + this.#patienceMs
    for (;;) {
      throwIfAborted(parts.signal)
      try {
        return await fetch(`${this.#base}${path}${queryText(parts.query)}`, {
          method: parts.method ?? 'GET',
          headers: this.#headers(parts),
          ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
          ...(parts.signal ? { signal: parts.signal } : {}),
        })
      } catch (error) {
        if (parts.signal?.aborted) throw abortReason(parts.signal)
        const refused = codeOf(error) === 'ECONNREFUSED'
        if (!refused || performance.now() > giveUpAt)
          throw this.#unreachable(error, refused ? 'No gateway answers' : 'The gateway can’t be reached')
        await delay(pauseMs)
      }
    }
  }

  #headers(parts: RequestParts): Record<string, string> {
    const headers: Record<string, string> = {}
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`
    if (parts.body !== undefined) headers['content-type'] = 'application/json'
    for (const [name, value] of Object.entries(parts.headers ?? {})) if (value !== undefined) headers[name] = value
    return headers
  }

  #unreachable(error: unknown, what: string): ClientError {
    return new ClientError('no-server', `${what} at ${this.#base} (${codeOf(error) ?? (error as Error).message}).`, {
      cause: error,
    })
  }
}

const codeOf = (error: unknown): string | undefined => {
  const cause = (error as { cause?: { code?: string; message?: string; errors?: { code?: string }[] } }).cause
  return cause?.code ?? cause?.errors?.[0]?.code ?? cause?.message
}

const queryText = (query: RequestParts['query']): string => {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, String(one))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

const errorOf = async (response: Response): Promise<ClientError> => {
  const text = await response.text().catch(() => '')
  try {
    const problem = JSON.parse(text) as Partial<Problem>
    if (typeof problem.code === 'string') return errorOfProblem(problem as Problem)
  } catch {}
  return new ClientError('no-server', `What answers there is no Millrace gateway (HTTP ${response.status}).`)
}

export const errorOfProblem = (problem: Pick<Problem, 'code' | 'detail' | 'hint' | 'faults'>): ClientError =>
  new ClientError(problem.code, problem.detail, {
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    faults: problem.faults ?? [],
  })
