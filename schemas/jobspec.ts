/**
 * What a user wants run. `JobSpec` is the form that clients write (durations and sizes as text or
 * numbers); `normaliseSpec` gives the form the core works with: every default filled in, integers only.
 */
import { type Static, Type } from '@sinclair/typebox'
import { limits, timing } from './limits.ts'
import { HostId, labelNamePattern, QueueName, resourceNamePattern, variableNamePattern } from './names.ts'
import { Duration, durationMs, Size, sizeBytes } from './quantities.ts'

const closed = { additionalProperties: false } as const

export const Retries = Type.Union(
  [
    Type.Integer({ minimum: 0, maximum: limits.retriesMax }),
    Type.Object(
      {
        max: Type.Integer({ minimum: 0, maximum: limits.retriesMax }),
        initial: Type.Optional(Duration),
        factor: Type.Optional(Type.Number({ minimum: 1, maximum: 100 })),
        longest: Type.Optional(Duration),
        jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
      },
      closed,
    ),
  ],
  { description: 'How often a failed attempt is tried again; as an object with its back-off.' },
)

export const JobSpec = Type.Object(
  {
    command: Type.Array(Type.String({ maxLength: limits.argumentBytesMax }), {
      minItems: 1,
      maxItems: limits.argumentsMax,
      description: 'Program and arguments. No shell is involved; give ["sh","-c","…"] for one.',
    }),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: limits.nameBytesMax })),
    queue: Type.Optional(QueueName),
    priority: Type.Optional(
      Type.Integer({ minimum: -1_000_000, maximum: 1_000_000, description: 'Higher runs first.' }),
    ),
    cpus: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100_000, description: 'CPUs reserved; fractions to 0.001.' }),
    ),
    memory: Type.Optional(Size),
    resources: Type.Optional(
      Type.Record(Type.String({ pattern: resourceNamePattern }), Type.Integer({ minimum: 0, maximum: 1_000_000_000 }), {
        ...closed,
        maxProperties: limits.customResourcesMax,
        description: 'Custom countable resources, e.g. {"license.magma": 1}.',
      }),
    ),
    host: Type.Optional(HostId),
    timeout: Type.Optional(Duration),
    grace: Type.Optional(Duration),
    retries: Type.Optional(Retries),
    onDisconnect: Type.Optional(
      Type.Union([Type.Literal('wait'), Type.Literal('replace')], {
        description: 'When its host is out of reach: wait (until lostAfter) or replace (start elsewhere at once).',
      }),
    ),
    lostAfter: Type.Optional(Duration),
    onLost: Type.Optional(
      Type.Union([Type.Literal('retry'), Type.Literal('fail')], {
        description: 'What a lost attempt does to the job.',
      }),
    ),
    labels: Type.Optional(
      Type.Record(Type.String({ pattern: labelNamePattern }), Type.String({ maxLength: limits.labelBytesMax }), {
        ...closed,
        maxProperties: limits.labelsMax,
      }),
    ),
    env: Type.Optional(
      Type.Record(
        Type.String({ pattern: variableNamePattern }),
        Type.String({ maxLength: limits.environmentValueBytesMax }),
        {
          ...closed,
          maxProperties: limits.environmentVariablesMax,
        },
      ),
    ),
    cwd: Type.Optional(
      Type.String({ minLength: 1, maxLength: 4096, description: 'Working folder; default: the scratch folder.' }),
    ),
    stdin: Type.Optional(
      Type.String({ maxLength: limits.stdinBytesMax, description: 'Text given to standard input.' }),
    ),
    retryOf: Type.Optional(
      Type.String({ maxLength: 64, description: 'Id of the finished job that this one repeats.' }),
    ),
  },
  { ...closed, $id: 'JobSpec', title: 'JobSpec', description: 'What a user wants run.' },
)
export type JobSpec = Static<typeof JobSpec>

/** Integer amounts: thousandths of a CPU, bytes, custom counts. The only form in which the core computes. */
export type Resources = { cpuMilli: number; memoryBytes: number; custom: Readonly<Record<string, number>> }

export type RetryPolicy = { max: number; initialMs: number; factor: number; longestMs: number; jitter: number }

export type NormalSpec = {
  command: readonly string[]
  name: string
  queue: string
  priority: number
  resources: Resources
  host: string | null
  timeoutMs: number | null
  graceMs: number
  retry: RetryPolicy
  onDisconnect: 'wait' | 'replace'
  lostAfterMs: number
  onLost: 'retry' | 'fail'
  env: Readonly<Record<string, string>>
  cwd: string | null
  stdin: string | null
}

/** One thing that is wrong with a document: a JSON pointer (RFC 6901) and a sentence. */
export type Fault = { pointer: string; message: string }

const noCustom: Readonly<Record<string, number>> = Object.freeze({})
const noEnvironment: Readonly<Record<string, string>> = Object.freeze({})
const defaultRetry: RetryPolicy = { max: 0, initialMs: 1_000, factor: 2, longestMs: 300_000, jitter: 0.2 }

const retryPolicy = (retries: JobSpec['retries']): RetryPolicy => {
  if (retries === undefined) return defaultRetry
  if (typeof retries === 'number') return { ...defaultRetry, max: retries }
  return {
    max: retries.max,
    initialMs: durationMs(retries.initial ?? defaultRetry.initialMs) ?? defaultRetry.initialMs,
    factor: retries.factor ?? defaultRetry.factor,
    longestMs: durationMs(retries.longest ?? defaultRetry.longestMs) ?? defaultRetry.longestMs,
    jitter: retries.jitter ?? defaultRetry.jitter,
  }
}

/** Fills in every default. The spec must have passed its schema and `specFaults`. */
export const normaliseSpec = (spec: JobSpec): NormalSpec => ({
  command: spec.command,
  name: spec.name ?? spec.command[0]!,
  queue: spec.queue ?? 'default',
  priority: spec.priority ?? 0,
  resources: {
    // What asks for a little never reserves nothing.
    cpuMilli: spec.cpus === undefined ? 1000 : Math.max(Math.round(spec.cpus * 1000), spec.cpus > 0 ? 1 : 0),
    memoryBytes: spec.memory === undefined ? 0 : (sizeBytes(spec.memory) ?? 0),
    custom: spec.resources ?? noCustom,
  },
  host: spec.host ?? null,
  timeoutMs: spec.timeout === undefined ? null : durationMs(spec.timeout),
  graceMs: spec.grace === undefined ? limits.graceMsDefault : (durationMs(spec.grace) ?? limits.graceMsDefault),
  retry: retryPolicy(spec.retries),
  onDisconnect: spec.onDisconnect ?? 'wait',
  lostAfterMs:
    spec.lostAfter === undefined
      ? timing.lostAfterMsDefault
      : (durationMs(spec.lostAfter) ?? timing.lostAfterMsDefault),
  onLost: spec.onLost ?? 'retry',
  env: spec.env ?? noEnvironment,
  cwd: spec.cwd ?? null,
  stdin: spec.stdin ?? null,
})

/** Faults that the JSON Schema can't express. Empty when the spec is sound. */
export const specFaults = (spec: JobSpec): Fault[] => {
  const faults: Fault[] = []
  const program = spec.command[0]
  if (program === '') faults.push({ pointer: '/command/0', message: 'The program name is empty.' })
  for (const [index, argument] of spec.command.entries()) {
    if (argument.includes('\0'))
      faults.push({ pointer: `/command/${index}`, message: 'An argument contains a NUL character.' })
  }
  if (spec.cwd?.includes('\0')) faults.push({ pointer: '/cwd', message: 'The folder contains a NUL character.' })
  for (const [name, value] of Object.entries(spec.env ?? {})) {
    if (value.includes('\0')) faults.push({ pointer: `/env/${name}`, message: 'The value contains a NUL character.' })
  }
  for (const field of ['timeout', 'grace', 'lostAfter'] as const) {
    const value = spec[field]
    if (value !== undefined && durationMs(value) === null)
      faults.push({ pointer: `/${field}`, message: 'The duration is longer than 366 days.' })
  }
  if (typeof spec.retries === 'object') {
    for (const field of ['initial', 'longest'] as const) {
      const value = spec.retries[field]
      if (value !== undefined && durationMs(value) === null)
        faults.push({ pointer: `/retries/${field}`, message: 'The duration is longer than 366 days.' })
    }
  }
  const graceMs = spec.grace === undefined ? null : durationMs(spec.grace)
  if (graceMs !== null && graceMs > limits.graceMsMax)
    faults.push({ pointer: '/grace', message: 'The grace is longer than 5 minutes.' })
  if (spec.memory !== undefined && sizeBytes(spec.memory) === null)
    faults.push({ pointer: '/memory', message: 'The size is too large.' })
  return faults
}
