/** The agent's flags, checked. A wrong one ends with exit code 2 and a sentence. */
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { hostIdPattern, isHostId, namespacePattern, type Resources, resourceNamePattern, sizeBytes } from '#schemas'
import { cpuMilliDefault, hostIdOf, memoryBytesDefault } from './host.ts'

export type AgentOptions = {
  servers: string[]
  namespace: string
  data: string
  host: string
  capacity: Resources
  labels: Record<string, string>
  endJobsOnStop: boolean
  containment: 'best' | 'process-group'
}

const cpus = (text: string): number => {
  const value = Number(text)
  if (text === '' || !(value > 0) || value > 100_000)
    throw new InvalidArgumentError('Expected a number of CPUs, such as 4 or 0.5.')
  return Math.round(value * 1000)
}

const size = (text: string): number => {
  const bytes = sizeBytes(text)
  if (bytes === null) throw new InvalidArgumentError('Expected a size, such as 512MiB or 64GiB.')
  return bytes
}

const pair = (text: string): [string, string] => {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('Expected NAME=VALUE.')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

const resource = (text: string, before: Record<string, number>): Record<string, number> => {
  const [name, value] = pair(text)
  const count = Number(value)
  if (!new RegExp(resourceNamePattern).test(name))
    throw new InvalidArgumentError(`The name has to match ${resourceNamePattern}.`)
  if (value === '' || !Number.isInteger(count) || count < 0)
    throw new InvalidArgumentError('Expected a whole number, such as license.magma=2.')
  return { ...before, [name]: count }
}

const label = (text: string, before: Record<string, string>): Record<string, string> => {
  const [name, value] = pair(text)
  return { ...before, [name]: value }
}

const host = (text: string): string => {
  if (!isHostId(text)) throw new InvalidArgumentError(`It has to match ${hostIdPattern}.`)
  return text
}

const namespace = (text: string): string => {
  if (!new RegExp(namespacePattern).test(text)) throw new InvalidArgumentError(`It has to match ${namespacePattern}.`)
  return text
}

export const parseAgentOptions = (args: readonly string[]): AgentOptions => {
  const command = new Command('millrace agent')
    .description('Runs jobs on this host. Jobs outlive it: a restarted agent finds them again.')
    .requiredOption('--nats <url...>', 'NATS server, or several of one cluster')
    .option('--namespace <name>', 'prefix of all subjects and streams: one cell', namespace, 'mr')
    .option('--host-id <id>', 'name of this host; default: its hostname', host)
    .option('--data <dir>', 'folder for spool, journal and output; one agent a folder (default: .millrace/<host-id>)')
    .option('--cpus <n>', 'CPUs to offer (default: all)', cpus)
    .option('--memory <size>', 'memory to offer (default: all)', size)
    .option('--resource <name=n>', 'custom countable resource to offer; may be repeated', resource, {})
    .option('--label <k=v>', 'label of this host; may be repeated', label, {})
    .option('--end-jobs-on-stop', 'end all jobs when this agent is stopped', false)
    .option('--no-cgroup', 'hold process trees by process group and environment mark, even where cgroup v2 can be had')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...args], { from: 'user' })
  const flags = command.opts<{
    nats: string[]
    namespace: string
    hostId?: string
    data?: string
    cpus?: number
    memory?: number
    resource: Record<string, number>
    label: Record<string, string>
    endJobsOnStop: boolean
    cgroup: boolean
  }>()
  const id = flags.hostId ?? hostIdOf()
  return {
    servers: flags.nats,
    namespace: flags.namespace,
    data: resolve(flags.data ?? join('.millrace', id)),
    host: id,
    capacity: {
      cpuMilli: flags.cpus ?? cpuMilliDefault(),
      memoryBytes: flags.memory ?? memoryBytesDefault(),
      custom: flags.resource,
    },
    labels: flags.label,
    endJobsOnStop: flags.endJobsOnStop,
    containment: flags.cgroup ? 'best' : 'process-group',
  }
}
