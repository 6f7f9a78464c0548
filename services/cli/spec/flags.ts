/** The flags that describe a job, and the JobSpec they amount to. Only what JobSpec has; it alone judges the values. */
import { readFileSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { durationMs, type JobDocument, sizeBytes } from '#schemas'
import { usageError } from '../failure.ts'

export type SpecFlags = {
  id?: string
  name?: string
  queue?: string
  priority?: number
  cpus?: number
  memory?: string
  resource?: Record<string, number>
  timeout?: string
  retries?: number
  backoff?: Backoff
  host?: string
  label?: Record<string, string>
  env?: Record<string, string>
  envFile?: Record<string, string>
  cwd?: string
  shell?: boolean
  stdin?: string
  onDisconnect?: 'wait' | 'replace'
  lostAfter?: string
  onLost?: 'retry' | 'fail'
  grace?: string
  idempotencyKey?: string
}
export type Backoff = { initial: string; factor?: number; longest?: string }

export const addSpecFlags = (command: Command): Command =>
  command
    .option('--id <id>', 'the job’s id; the same id with the same spec is the same job')
    .option('--idempotency-key <key>', 'the same key is the same job, however often it is submitted')
    .option('--name <text>', 'a name for people (default: the program)')
    .option('--queue <name>', 'queue (default: default)')
    .option('--priority <n>', 'higher runs first (default: 0)', integer)
    .option('--cpus <n>', 'CPUs reserved; fractions are fine (default: 1)', number)
    .option('--memory <size>', 'memory reserved, such as 512MiB', size)
    .option('--resource <name=n>', 'custom countable resource; repeatable', count)
    .option('--timeout <duration>', 'end it after this long, such as 5m', duration)
    .option('--grace <duration>', 'between TERM and KILL (default: 10s)', duration)
    .option('--retries <n>', 'try again after a failure, at most so often (default: 0)', integer)
    .option('--backoff <initial[:factor[:longest]]>', 'pause before a retry, such as 1s:2:5m', backoff)
    .option('--host <id>', 'run on this host only')
    .option('--label <key=value>', 'repeatable', keyValue)
    .option('--env <name=value>', 'environment of the process; NAME alone takes it from here; repeatable', variable)
    .option('--env-file <file>', 'file of NAME=value lines; repeatable', envFile)
    .option('--cwd <folder>', 'working folder (default: a scratch folder of its own)')
    .option('--shell', 'let sh -c run the words as one line')
    .option('--stdin <file>', 'text for standard input; - is this command’s own')
    .addOption(choice('--on-disconnect <how>', 'when its host is out of reach', ['wait', 'replace']))
    .option('--lost-after <duration>', 'how long a silent host is waited for (default: 1m)', duration)
    .addOption(choice('--on-lost <how>', 'what a lost attempt does to the job', ['retry', 'fail']))

/** The document of flags and words. Reads the file of --stdin. */
export const documentOf = (flags: SpecFlags, words: readonly string[]): JobDocument => {
  const command = flags.shell && words.length > 0 ? ['sh', '-c', words.join(' ')] : [...words]
  const { backoff: pause, retries } = flags
  if (pause && retries === undefined) throw usageError('--backoff needs --retries')
  const env = { ...flags.envFile, ...flags.env }
  return defined({
    command,
    id: flags.id,
    name: flags.name,
    queue: flags.queue,
    priority: flags.priority,
    cpus: flags.cpus,
    memory: flags.memory,
    resources: flags.resource,
    timeout: flags.timeout,
    grace: flags.grace,
    retries: pause && retries !== undefined ? { max: retries, ...pause } : retries,
    host: flags.host,
    labels: flags.label,
    env: Object.keys(env).length > 0 ? env : undefined,
    cwd: flags.cwd === undefined ? undefined : resolve(flags.cwd),
    stdin: flags.stdin === undefined ? undefined : textOf(flags.stdin),
    onDisconnect: flags.onDisconnect,
    lostAfter: flags.lostAfter,
    onLost: flags.onLost,
  }) as JobDocument
}

const defined = (value: object) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))

/** The text of a file, or of standard input for `-`. Bytes that are no UTF-8 are refused: stdin travels as text. */
export const textOf = (file: string): string => {
  let bytes: Buffer
  try {
    bytes = file === '-' ? standardInput() : readFileSync(file)
  } catch (error) {
    throw usageError(`${file} can’t be read (${(error as NodeJS.ErrnoException).code})`, 'Check the path.')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw usageError(`${file} is not UTF-8 text`, 'Put binary input where the job can read it from a file.')
  }
}

/** All of standard input. A pipe may be non-blocking (its writer's choice), and then says EAGAIN while it is empty. */
const standardInput = (): Buffer => {
  const chunks: Buffer[] = []
  const idle = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024)
    try {
      const bytes = readSync(0, chunk)
      if (bytes === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, bytes))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EOF') return Buffer.concat(chunks)
      if (code !== 'EAGAIN') throw error
      Atomics.wait(idle, 0, 0, 5)
    }
  }
}

const choice = (flags: string, description: string, choices: string[]) =>
  new Option(flags, description).choices(choices)

const number = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.')
  return value
}
export const integer = (text: string): number => {
  if (!/^-?[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('Expected an integer.')
  return Number(text)
}
export const duration = (text: string): string => {
  if (durationMs(text) === null) throw new InvalidArgumentError('Expected a duration such as 500ms, 10s, 5m, 2h, 1d.')
  return text
}
export const size = (text: string): string => {
  if (sizeBytes(text) === null) throw new InvalidArgumentError('Expected a size such as 64KiB, 1GiB.')
  return text
}
export const keyValue = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('Expected key=value.')
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}
export const count = (text: string, before: Record<string, number> = {}): Record<string, number> => {
  const match = /^([^=]+)=([0-9]{1,9})$/.exec(text)
  if (!match) throw new InvalidArgumentError('Expected name=n.')
  return { ...before, [match[1]!]: Number(match[2]) }
}
const variable = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  if (text.includes('=')) return keyValue(text, before)
  const value = process.env[text]
  if (value === undefined) throw new InvalidArgumentError(`${text} is not set here.`)
  return { ...before, [text]: value }
}
const backoff = (text: string): Backoff => {
  const [initial = '', factor, longest, more] = text.split(':')
  const sound = durationMs(initial) !== null && (longest === undefined || durationMs(longest) !== null)
  if (!sound || more !== undefined || (factor !== undefined && !(Number(factor) >= 1)))
    throw new InvalidArgumentError('Expected initial[:factor[:longest]] such as 1s:2:5m.')
  return { initial, ...(factor === undefined ? {} : { factor: Number(factor) }), ...(longest ? { longest } : {}) }
}
const envFile = (file: string, before: Record<string, string> = {}): Record<string, string> => {
  const variables = { ...before }
  for (const [n, raw] of textOf(file).split(/\r?\n/).entries()) {
    const line = raw.trim().replace(/^export\s+/, '')
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    if (equals < 1) throw new InvalidArgumentError(`Line ${n + 1} of ${file} is not NAME=value.`)
    variables[line.slice(0, equals).trim()] = unquoted(line.slice(equals + 1).trim())
  }
  return variables
}
const unquoted = (text: string): string => {
  const match = /^(['"])(.*)\1$/s.exec(text)
  return match ? match[2]! : text
}
