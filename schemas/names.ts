/**
 * Forms of the names that travel in subjects and events. All are safe as one NATS subject token
 * (no dot, star, angle bracket or white space) and as a file name.
 */
import { Type } from '@sinclair/typebox'

export const jobIdPattern = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'
export const hostIdPattern = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'
export const queueNamePattern = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'
/** `constructor` is excluded, being the one name of this form that every plain object inherits: sums over it would be wrong. */
export const resourceNamePattern = '^(?!constructor$)[a-z][a-z0-9_.-]{0,63}$'
/** Any text without control characters and `=`, which ends the name in `key=value`. */
export const labelNamePattern = '^[^=\\u0000-\\u001f\\u007f]{1,256}$'
export const variableNamePattern = '^[A-Za-z_][A-Za-z0-9_]{0,255}$'

export const JobId = Type.String({ pattern: jobIdPattern, description: 'Id of a job: one subject token.' })
export const HostId = Type.String({ pattern: hostIdPattern, description: 'Id of a host: one subject token.' })
export const QueueName = Type.String({ pattern: queueNamePattern, description: 'Name of a queue.' })
export const AttemptNumber = Type.Integer({ minimum: 1, description: 'Number of an attempt of a job, from 1.' })

const jobIdRegExp = new RegExp(jobIdPattern)
const hostIdRegExp = new RegExp(hostIdPattern)

export const isJobId = (text: string): boolean => jobIdRegExp.test(text)
export const isHostId = (text: string): boolean => hostIdRegExp.test(text)

/** `<jobId>.<n>`: one try at a job on one host. */
export const attemptIdOf = (job: string, attempt: number): string => `${job}.${attempt}`

/** Splits `<jobId>.<n>`; null when the text is no attempt id. */
export const parseAttemptId = (text: string): { job: string; attempt: number } | null => {
  const dot = text.lastIndexOf('.')
  const job = text.slice(0, dot)
  const number = text.slice(dot + 1)
  return dot > 0 && isJobId(job) && /^[1-9][0-9]{0,14}$/.test(number) ? { job, attempt: Number(number) } : null
}
