/**
 * Everything on one machine: nats-server, scheduler, archive, gateway and agents, each a process of its own, kept
 * running until stopped. Reads top-down: take the folder, start in order, say that it is ready; stop in reverse.
 */
import { availableParallelism, hostname, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, connect } from '#client'
import { UserError } from '#runtime'
import { type KeptServer, keepNatsServer } from './nats.ts'
import type { Ready, Running, UpOptions } from './options.ts'
import { Part } from './part.ts'
import { takeFolder } from './record.ts'

const joinLimitMs = 60_000

/** Starts everything. When a part can't start, what had started is stopped and the reason thrown. */
export const up = async (given: UpOptions): Promise<Running> => {
  const options = { ...given, dataDir: resolve(given.dataDir) }
  const { say } = options
  const record = await takeFolder(options.dataDir, say)
  /** In the order of starting; stopped in the order that each part names. */
  const started: { stop(): Promise<void> }[] = []
  let stopped: Promise<void> | null = null
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const part of started.toReversed()) await part.stop()
      record.release()
    })()
    return stopped
  }
  try {
    const nats = await keepNatsServer(options, (pid) => record.started('nats-server', pid))
    started.push(nats)
    say(`nats-server ${nats.version} at ${nats.url}`)
    const parts = partsOf(options, nats, (name, pid) => record.started(name, pid))
    // Stopping goes backwards: agents first, so that they say their last facts to a living scheduler. The agents start
    // last, so that a port that is taken is known before anything runs on this host.
    started.push(parts.scheduler, parts.archive, parts.gateway)
    await startAll([parts.scheduler, parts.archive, parts.gateway])
    started.push(...parts.agents)
    await startAll(parts.agents)
    const client = await connect({ servers: nats.url, name: 'up' })
    const ready = await readyOf(parts, nats, client).finally(() => client.close())
    return { ready, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Side by side; the first failure is thrown when each has either started or failed, so that nothing starts behind a stop. */
const startAll = async (parts: readonly Part[]): Promise<void> => {
  const results = await Promise.allSettled(parts.map((part) => part.start()))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

type Parts = { scheduler: Part; archive: Part; gateway: Part; agents: Part[] }

const partsOf = (options: UpOptions, nats: KeptServer, onStarted: (name: string, pid: number) => void): Parts => {
  const { dataDir, say } = options
  const part = (name: string, service: string, args: () => string[]): Part =>
    new Part({
      name,
      service,
      args: () => ['--nats', nats.url, ...args()],
      logFile: join(dataDir, 'logs', `${name}.log`),
      say,
      onStarted: (pid) => onStarted(name, pid),
    })
  // A gateway that was asked to take any free port keeps the one it got when it is started again.
  let gatewayPort = options.port
  const gateway: Part = part('gateway', 'gateway', () => {
    const url = gateway.readiness?.['url']
    if (typeof url === 'string') gatewayPort = Number(new URL(url).port)
    return ['--port', String(gatewayPort)]
  })
  return {
    scheduler: part('scheduler', 'scheduler', () => ['--data', join(dataDir, 'scheduler')]),
    archive: part('archive', 'archive', () => ['--data', join(dataDir, 'archive')]),
    gateway,
    agents: hostIds(options.agents).map((host, index) =>
      part(index === 0 ? 'agent' : `agent-${index + 1}`, 'agent', () => [
        ...['--data', join(dataDir, 'hosts', host), '--host-id', host, '--end-jobs-on-stop'],
        ...shareOf(options.agents),
      ]),
    ),
  }
}

/** The machine's name for the first agent, and the name with a number for more. */
const hostIds = (count: number): string[] => {
  const name =
    hostname()
      .replaceAll(/[^A-Za-z0-9_-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 56) || 'host'
  return Array.from({ length: count }, (_, index) => (index === 0 ? name : `${name}-${index + 1}`))
}

/** Several agents on one machine share what it has. */
const shareOf = (agents: number): string[] => {
  if (agents === 1) return []
  const cpus = Math.max(0.001, Math.floor((availableParallelism() / agents) * 1000) / 1000)
  return ['--cpus', String(cpus), '--memory', String(Math.floor(totalmem() / agents))]
}

/** Waits until every agent has joined and its supervisor is known. */
const readyOf = async (
  { scheduler, archive, gateway, agents }: Parts,
  nats: KeptServer,
  client: Client,
): Promise<Ready> => {
  const deadline = performance.now() + joinLimitMs
  for (;;) {
    const hosts = await client.hosts()
    const pids = new Set(agents.map(({ pid }) => pid))
    const joined = hosts.filter(({ agentPid, state }) => pids.has(agentPid) && state === 'up')
    if (joined.length === agents.length) {
      const url = String(gateway.readiness?.['url'])
      const entries = joined.map(
        ({ id, agentPid, supervisorPid }) => [id, { agent: agentPid, supervisor: supervisorPid }] as const,
      )
      return {
        ready: true,
        url,
        nats: nats.url,
        dashboard: null,
        pids: {
          nats: nats.pid(),
          scheduler: scheduler.pid,
          archive: archive.pid,
          gateway: gateway.pid,
          agents: Object.fromEntries(entries),
        },
      }
    }
    if (performance.now() > deadline) {
      throw new UserError(
        'agent-not-joined',
        'An agent did not join the cell in a minute',
        'See the agent and scheduler logs in the data folder.',
        1,
      )
    }
    await delay(50)
  }
}
