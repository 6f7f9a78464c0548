/**
 * The words of launching: what is asked for, and the hold on a running server that is handed back.
 * Must never hold code.
 */
import type { FoundServer } from './candidate.ts'
import type { ServerDurability } from './config.ts'

/** What to launch. */
export interface LaunchOptions {
  found: Pick<FoundServer, 'path' | 'version'>
  /** Made if missing; at most one server at a time may run on it. */
  dataDir: string
  /** 0: a free port, outside the kernel's range for outgoing connections. */
  port: number
  durability: ServerDurability
  /** Appended to, rotated by the server; its folder is made if missing. */
  logFile: string
  /** HTTP monitoring; 0: a port of the server's choice; left out: none. */
  monitorPort?: number
  /** Default `millrace`. */
  serverName?: string
  /** Default 127.0.0.1. */
  host?: string
  /** Further lines of configuration in nats-server's syntax. */
  extraConfig?: string
  /** How long recovery of the store may take. Default 2 min. */
  readyLimitMs?: number
  /** Ends a server that an earlier, killed process left running on this data folder, instead of `store-in-use`. */
  takeOver?: boolean
  /** Allows an older line of nats-server than the one that last wrote the store, which may not understand it. */
  allowOlderServer?: boolean
  /** Start it in a session of its own, so that a terminal's Ctrl-C does not reach it. */
  ownSession?: boolean
}

/** How a server ended. */
export interface ServerExit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A server that is ready. */
export interface RunningServer {
  readonly pid: number
  /** `nats://127.0.0.1:4222` */
  readonly url: string
  readonly port: number
  /** As the server says in INFO. */
  readonly version: string
  readonly monitorUrl?: string
  readonly logFile: string
  /** SIGTERM, then SIGKILL after `limitMs` (default 10 s). Resolves when it is gone; may be called again. */
  stop(limitMs?: number): Promise<ServerExit>
  /** SIGKILL, as a crash. Resolves when it is gone. */
  kill(): Promise<ServerExit>
  /** Resolves when the server is gone, for whatever reason. */
  readonly exited: Promise<ServerExit>
}
