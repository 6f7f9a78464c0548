/**
 * Renders the configuration file of a single nats-server.
 * Must never do I/O, and must only use what the floor (2.10) understands: a server refuses unknown fields.
 */

/** `synced`: an acknowledged message is on disk. `fast`: it survives kill -9, but not a power cut (up to 2 minutes). */
export type ServerDurability = 'synced' | 'fast'

/** What differs between one server and another. Paths should be absolute. */
export interface NatsServerConfig {
  serverName: string
  /** Default 127.0.0.1: a server without accounts must not be reachable from elsewhere. */
  host?: string
  /** -1 lets the server choose. */
  port: number
  /** HTTP monitoring on the same host; -1 lets the server choose; left out, there is none. */
  monitorPort?: number
  storeDir: string
  durability: ServerDurability
  maxFileStoreBytes: number
  maxMemoryStoreBytes: number
  portsFileDir?: string
  pidFile?: string
  logFile?: string
  /** Further lines in nats-server's own syntax, such as accounts and TLS. */
  extra?: string
}

/** Limits that hold for every Millrace server, with the reason beside each. */
export const serverLimits = {
  /** Commits are at most 256 KiB, output and object chunks 512 KiB; the rest is room for headers. */
  maxPayloadBytes: 1024 * 1024,
  /** A silent peer is noticed after interval × max. */
  pingIntervalSeconds: 5,
  pingMax: 2,
  /** A reader that takes nothing for this long is cut off, instead of holding memory. */
  writeDeadlineSeconds: 10,
  /** The shortest the server accepts: clients are asked to leave over this time. */
  lameDuckSeconds: 30,
  lameDuckGraceSeconds: 2,
  /** Log files are rotated at this size, and this many are kept. */
  logFileBytes: 16 * 1024 * 1024,
  logFiles: 4,
} as const

/** The text of a configuration file for nats-server 2.10 or newer. */
export function renderNatsServerConfig(config: NatsServerConfig): string {
  const host = config.host ?? '127.0.0.1'
  const lines = [
    `server_name: ${quoted(config.serverName)}`,
    `listen: ${quoted(`${host}:${config.port}`)}`,
    config.monitorPort !== undefined && `http: ${quoted(`${host}:${config.monitorPort}`)}`,
    config.portsFileDir !== undefined && `ports_file_dir: ${quoted(config.portsFileDir)}`,
    config.pidFile !== undefined && `pid_file: ${quoted(config.pidFile)}`,
    ...(config.logFile === undefined ? [] : logLines(config.logFile)),
    '',
    `max_payload: ${serverLimits.maxPayloadBytes}`,
    `ping_interval: "${serverLimits.pingIntervalSeconds}s"`,
    `ping_max: ${serverLimits.pingMax}`,
    `write_deadline: "${serverLimits.writeDeadlineSeconds}s"`,
    `lame_duck_duration: "${serverLimits.lameDuckSeconds}s"`,
    `lame_duck_grace_period: "${serverLimits.lameDuckGraceSeconds}s"`,
    '',
    'jetstream {',
    `  store_dir: ${quoted(config.storeDir)}`,
    ...syncLines(config.durability),
    `  max_file_store: ${config.maxFileStoreBytes}`,
    `  max_memory_store: ${config.maxMemoryStoreBytes}`,
    '}',
    ...(config.extra === undefined ? [] : ['', config.extra.trimEnd()]),
  ]
  return `${lines.filter((line) => line !== false).join('\n')}\n`
}

function logLines(path: string): string[] {
  const { logFileBytes, logFiles } = serverLimits
  return [`log_file: ${quoted(path)}`, `logfile_size_limit: ${logFileBytes}`, `logfile_max_num: ${logFiles}`]
}

function syncLines(durability: ServerDurability): string[] {
  return durability === 'synced'
    ? [
        '  # An acknowledged message is on disk. Without this it may be up to 2 minutes away from it.',
        '  sync_interval: always',
      ]
    : ['  # Throw-away work: an acknowledged message survives kill -9, but not a power cut.']
}

/** A string in nats-server's syntax, which knows these escapes only. */
function quoted(text: string): string {
  const unspeakable = [...text].find((character) => character < ' ' && !'\n\r\t'.includes(character))
  if (unspeakable !== undefined) {
    throw new RangeError(`a configuration can't hold control characters: ${JSON.stringify(text)}`)
  }
  const escapes: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
  return `"${text.replace(/[\\"\n\r\t]/g, (character) => escapes[character]!)}"`
}
