/**
 * The supervisor's process: the hands of a host. Started by the agent in a session of its own, it outlives the agent,
 * owns the children and keeps their deadlines. It stays small on purpose (a spawn copies its page tables), so it
 * imports no NATS, no validation, no logging library. Its stderr is a log file of JSON lines.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ToSupervisor, takeLock } from '#process'
import { pickContainment } from './containment/probe.ts'
import { FolderPool } from './folder-pool.ts'
import { parseOptions } from './options.ts'
import { recover } from './recovery.ts'
import { Reporter } from './reporter.ts'
import { SupervisorServer } from './server.ts'
import { Supervision } from './supervision.ts'

/** After the last attempt's end, the agent has this long to take the reports before a shutdown goes through. */
const farewellMs = 5_000

const say = (level: 'info' | 'error', msg: string, more: Record<string, unknown> = {}): void => {
  process.stderr.write(
    `${JSON.stringify({ level, time: new Date().toISOString(), service: 'supervisor', pid: process.pid, ...more, msg })}\n`,
  )
}
const onTrouble = (error: Error): void => say('error', error.message, { code: (error as NodeJS.ErrnoException).code })

const main = async (): Promise<void> => {
  const options = parseOptions(process.argv.slice(2))
  mkdirSync(join(options.data, 'attempts'), { recursive: true })
  const lock = takeLock(join(options.data, 'supervisor.lock'))
  if (!lock.held) {
    say('error', `Another supervisor (pid ${lock.owner.pid}) owns ${options.data}.`)
    process.exit(4)
  }
  const containment = pickContainment(options.data, options.containment, (why) =>
    say('info', 'no cgroup containment', { why }),
  )
  const { journal, finals, bootId, lost, damaged } = await recover(options.data, options.tailBytes, containment)
  const reporter = new Reporter(journal, finals, onTrouble, () => leaveIfDone())
  let leaving = false
  let wantsToLeave = false
  let endingAll = false
  let idleTimer: NodeJS.Timeout | null = null

  const leave = async (why: string): Promise<void> => {
    if (leaving) return
    leaving = true
    say('info', 'leaving', { why })
    server.send({ kind: 'bye' })
    await server.close()
    journal.close()
    containment.close()
    lock.release()
    process.exit(0)
  }
  const leaveIfDone = (): void => {
    if (!supervision.idle) return
    // The agent may still want to hear the last reports; what it has not taken by then stays in the journal.
    const untaken = !reporter.quiet || (server.connected && reporter.finals().length > 0)
    if (wantsToLeave && !untaken) void leave('asked to')
    else if (wantsToLeave) idleTimer ??= setTimeout(() => void leave('asked to'), farewellMs)
    else if (!server.connected) idleTimer ??= setTimeout(() => void leave('idle without an agent'), options.idleExitMs)
  }
  const stay = (): void => {
    if (idleTimer) clearTimeout(idleTimer)
    idleTimer = null
  }
  const shutdown = (killAll: boolean, why: string): void => {
    wantsToLeave = true
    if (killAll) {
      endingAll = true
      supervision.endAll(why)
    }
    leaveIfDone()
    if (!killAll && !supervision.idle) server.send({ kind: 'staying' })
  }

  const supervision = new Supervision({
    context: { ...options, containment, pool: new FolderPool(options.data) },
    journal,
    reporter,
    bootId,
    capacity: options.capacity,
    onIdle: leaveIfDone,
    onTrouble,
  })
  reporter.load = () => supervision.load
  containment.open(() => supervision.containmentReady())
  const server = new SupervisorServer({
    hello: () => ({
      pid: process.pid,
      version: options.version,
      bootId,
      containment: containment.name,
      cgroupRoot: containment.cgroupRoot,
      attempts: supervision.attempts(),
    }),
    onConnected: (send) => {
      stay()
      if (!endingAll) wantsToLeave = false
      reporter.connect(send)
    },
    onDisconnected: () => {
      reporter.disconnect()
      leaveIfDone()
    },
    onMessage: (message: ToSupervisor) => {
      switch (message.kind) {
        case 'start':
          return supervision.start(message.requests)
        case 'stop':
          return supervision.stop(message.attemptId, message.graceMs)
        case 'forget':
          supervision.forget(message.attemptIds)
          if (wantsToLeave) leaveIfDone()
          return
        case 'capacity':
          return supervision.setCapacity(message.capacity)
        case 'shutdown':
          return shutdown(message.killAll, 'The agent was stopped with --end-jobs-on-stop.')
      }
    },
    onTrouble,
  })
  // A terminal's Ctrl-C and hang-up are not meant for the jobs; a TERM to this very process is.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  process.on('SIGTERM', () => shutdown(true, 'The supervisor was told to stop.'))
  // A fault in one attempt's handling must not cost all the others their supervisor.
  process.on('uncaughtException', (error) => say('error', 'uncaught exception', { error: error.stack }))
  await server.listen(options.data)
  say('info', 'ready', { containment: containment.name, lost, damaged, version: options.version })
  leaveIfDone()
}

main().catch((error: Error) => {
  say('error', 'start failed', { error: error.stack })
  process.exit(1)
})
