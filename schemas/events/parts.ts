/** Pieces that several events share. Open objects: readers are tolerant (a newer writer may add fields). */
import { Type } from '@sinclair/typebox'
import { limits } from '../limits.ts'
import { AttemptNumber, HostId, JobId, resourceNamePattern } from '../names.ts'

export const Reason = Type.Object(
  {
    code: Type.String({ maxLength: 64 }),
    text: Type.Optional(Type.String({ maxLength: limits.reasonTextBytesMax })),
  },
  { description: 'Why: a stable code (schemas/reasons.ts) and, where it says more, a sentence.' },
)

export const Usage = Type.Object(
  {
    cpuMs: Type.Optional(Type.Integer({ minimum: 0 })),
    memoryBytesMax: Type.Optional(Type.Integer({ minimum: 0 })),
    wallMs: Type.Integer({ minimum: 0 }),
  },
  { description: 'What the whole process tree of an attempt used.' },
)

export const Cause = Type.Union(
  (['exit', 'signal', 'timeout', 'cancelled', 'lost', 'spawn'] as const).map((cause) => Type.Literal(cause)),
  { description: 'What ended the attempt.' },
)

export const ErrorDetail = Type.Object({
  code: Type.String({ maxLength: 64 }),
  message: Type.String({ maxLength: 4096 }),
})

export const Resources = Type.Object(
  {
    cpuMilli: Type.Integer({ minimum: 0 }),
    memoryBytes: Type.Integer({ minimum: 0 }),
    custom: Type.Record(Type.String({ pattern: resourceNamePattern }), Type.Integer({ minimum: 0 }), {
      additionalProperties: false,
    }),
  },
  { description: 'Thousandths of a CPU, bytes, custom counts.' },
)

export const ofJob = { job: JobId }
export const ofAttempt = { job: JobId, attempt: AttemptNumber }
export const ofHost = { host: HostId }
