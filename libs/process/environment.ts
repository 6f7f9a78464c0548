/**
 * The environment of a job: a clean one. Of the agent's own environment only what any program expects is handed on, so
 * that credentials and settings of the agent never leak into jobs.
 */
const handedOn = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'SSL_CERT_FILE']
const pathDefault = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The part that all jobs of an agent share. */
export const baseEnvironment = (own: NodeJS.ProcessEnv): Record<string, string> => {
  const base: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (handedOn.includes(name) || name.startsWith('LC_'))) base[name] = value
  }
  base['PATH'] ??= pathDefault
  return base
}

export type JobIdentity = {
  job: string
  attempt: number
  host: string
  /** Position of the `assigned` event: the token that a job shows to whatever it writes to. */
  fence: number | null
  scratch: string
  /** W3C traceparent. */
  trace: string | null
}

/** Whole environment of one attempt: base, then what the spec says, then what only Millrace may say. */
export const jobEnvironment = (
  base: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
  { job, attempt, host, fence, scratch, trace }: JobIdentity,
): Record<string, string> => ({
  ...base,
  ...asked,
  MILLRACE_JOB_ID: job,
  MILLRACE_ATTEMPT: String(attempt),
  MILLRACE_HOST_ID: host,
  MILLRACE_SCRATCH: scratch,
  ...(fence === null ? {} : { MILLRACE_FENCE: String(fence) }),
  ...(trace === null ? {} : { TRACEPARENT: trace }),
})
