/**
 * Starts one nats-server process on one port, and waits until it is ready or gone.
 * Must never be called on a store that has not been claimed: see launch.ts.
 */
import { mkdir, open, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { renderNatsServerConfig } from './config.ts'
import { NatsServerLaunchError } from './errors.ts'
import { awaitPortsFile, readGreeting, type ServerPorts } from './readiness.ts'
import type { LaunchOptions, RunningServer, ServerExit } from './running-server.ts'
import { explainExit, readLogTail } from './server-log.ts'
import { recallStore } from './store-limits.ts'

/** Recovery of a large store takes its time. */
export const readyLimitMsDefault = 120_000
/** From SIGTERM to SIGKILL. */
export const stopLimitMsDefault = 10_000

/**
 * One try on one port; `options.port` is not looked at. The store has to be claimed and its limits remembered.
 * @throws NatsServerLaunchError; the process is gone then.
 */
export async function startServer(dataDir: string, options: LaunchOptions, port: number): Promise<RunningServer> {
  const logFile = resolve(options.logFile)
  const { configFile, portsDir } = await writeConfig(dataDir, logFile, options, port)
  const logStart = await stat(logFile).then(
    ({ size }) => size,
    () => 0,
  )
  // Complaints before the log is open, and panics, go to stderr: the same file takes them.
  const stderr = await open(logFile, 'a')
  const child = execa(options.found.path, ['-c', configFile], {
    cwd: dataDir,
    stdin: 'ignore',
    // execa's types know descriptors up to 9 only; node passes any.
    stdout: stderr.fd as 3,
    stderr: stderr.fd as 3,
    // A terminal's Ctrl-C reaches a whole process group: a server in its own is stopped last, by whoever launched it.
    detached: options.ownSession ?? false,
    buffer: false,
    reject: false,
    cleanup: true,
    forceKillAfterDelay: false,
  })
  let spawnFault: unknown
  const exited = child.then((result): ServerExit => {
    if (child.pid === undefined) spawnFault = result.cause ?? result
    return { code: result.exitCode ?? null, signal: (result.signal as NodeJS.Signals | undefined) ?? null }
  })
  await stderr.close()

  const over = new AbortController()
  const limitMs = options.readyLimitMs ?? readyLimitMsDefault
  const timer = setTimeout(() => over.abort(), limitMs)
  void exited.then(() => over.abort())
  try {
    const ports = await awaitPortsFile(portsDir, over.signal)
    const greeting = await readGreeting(new URL(ports.url).hostname, ports.port)
    return hold(child, exited, ports, greeting.version, logFile)
  } catch (cause) {
    const gone = child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    child.kill('SIGKILL')
    await exited
    const logTail = await readLogTail(logFile, logStart)
    throw launchFault(options.found.path, { gone, limitMs, logTail, cause: spawnFault ?? cause, spawnFault })
  } finally {
    clearTimeout(timer)
  }
}

interface Hindsight {
  gone: boolean
  limitMs: number
  logTail: string
  cause: unknown
  spawnFault: unknown
}

function launchFault(path: string, { gone, limitMs, logTail, cause, spawnFault }: Hindsight): NatsServerLaunchError {
  if (spawnFault !== undefined) {
    const message = `${path} could not be started. Check that it exists and may be executed.`
    return new NatsServerLaunchError('spawn-failed', message, { cause })
  }
  if (!gone) {
    const message = `nats-server was not ready within ${limitMs} ms. Its last lines say what it was doing.`
    return new NatsServerLaunchError('not-ready', message, { logTail, cause })
  }
  const { code, sentence } = explainExit(logTail)
  return new NatsServerLaunchError(code, `nats-server did not come up: ${sentence}.`, { logTail, cause })
}

function hold(
  child: { pid?: number; kill(signal: NodeJS.Signals): boolean },
  exited: Promise<ServerExit>,
  ports: ServerPorts,
  version: string,
  logFile: string,
): RunningServer {
  const end = async (signal: NodeJS.Signals, limitMs: number): Promise<ServerExit> => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
    return exited.finally(() => clearTimeout(timer))
  }
  return {
    pid: child.pid!,
    ...ports,
    version,
    logFile,
    exited,
    stop: (limitMs = stopLimitMsDefault) => end('SIGTERM', limitMs),
    kill: () => end('SIGKILL', stopLimitMsDefault),
  }
}

async function writeConfig(dataDir: string, logFile: string, options: LaunchOptions, port: number) {
  const files = filesOf(dataDir)
  // Emptied, so that a ports file found there is this server's.
  await rm(files.portsDir, { recursive: true, force: true })
  await mkdir(files.portsDir)
  const { maxFileStoreBytes, maxMemoryStoreBytes } = (await recallStore(dataDir))!
  const text = renderNatsServerConfig({
    serverName: options.serverName ?? 'millrace',
    port,
    storeDir: dataDir,
    durability: options.durability,
    maxFileStoreBytes,
    maxMemoryStoreBytes,
    portsFileDir: files.portsDir,
    pidFile: files.pidFile,
    logFile,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.monitorPort === undefined ? {} : { monitorPort: options.monitorPort || -1 }),
    ...(options.extraConfig === undefined ? {} : { extra: options.extraConfig }),
  })
  await writeFile(files.configFile, text)
  return files
}

/** Where a data folder's own files are. */
export function filesOf(dataDir: string) {
  return {
    configFile: join(dataDir, 'nats-server.conf'),
    pidFile: join(dataDir, 'nats-server.pid'),
    portsDir: join(dataDir, 'ports'),
  }
}
