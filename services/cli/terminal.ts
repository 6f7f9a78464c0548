/** Where a command writes, and what it was told about server and form. One for each run of the CLI; tests hand in their own. */
import { hostname, userInfo } from 'node:os'
import type { Command } from 'commander'
import picocolors from 'picocolors'
import { type Client, connect } from '#client'

export type Terminal = {
  stdout: { write(text: string | Uint8Array): unknown; isTTY?: boolean; columns?: number; rows?: number }
  stderr: { write(text: string | Uint8Array): unknown; isTTY?: boolean }
  env: NodeJS.ProcessEnv
}

export type GlobalFlags = { json?: boolean; server?: string; token?: string }

export const defaultServer = 'http://127.0.0.1:7070'

/** Adds the flags that every command takes. */
export const withGlobals = (command: Command): Command =>
  command
    .option('--json', 'one JSON document, or one a line when it streams')
    .option('--server <url>', `the gateway (or MILLRACE_URL; default ${defaultServer})`)
    .option('--token <text>', 'its token (or MILLRACE_TOKEN)')

export class Session {
  readonly terminal: Terminal
  readonly json: boolean
  readonly server: string
  readonly token: string | undefined
  readonly colors: ReturnType<typeof picocolors.createColors>

  constructor(terminal: Terminal, flags: GlobalFlags) {
    this.terminal = terminal
    this.json = flags.json ?? false
    this.server = flags.server ?? terminal.env['MILLRACE_URL'] ?? defaultServer
    this.token = flags.token ?? terminal.env['MILLRACE_TOKEN']
    const plain = this.json || !terminal.stdout.isTTY || (terminal.env['NO_COLOR'] ?? '') !== ''
    this.colors = picocolors.createColors(!plain)
  }

  connect(): Promise<Client> {
    const token = this.token === undefined ? {} : { token: this.token }
    return connect({ url: this.server, actor: actorOf(this.terminal.env), ...token })
  }

  /** One line, or one JSON document on a line. */
  line(text: string): void {
    this.terminal.stdout.write(`${text}\n`)
  }
  document(value: unknown): void {
    this.line(JSON.stringify(value))
  }
  /** For people only, beside the output: nothing with --json. */
  note(text: string): void {
    if (!this.json) this.terminal.stderr.write(`millrace: ${text}\n`)
  }
}

/** Who asks: stands in the log beside what was asked for. */
const actorOf = (env: NodeJS.ProcessEnv): string => {
  if (env['MILLRACE_ACTOR']) return env['MILLRACE_ACTOR']
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}@${hostname()}`
  }
}
