/** The command line as a table of contents: every command, its flags, where it is done. */
import { Command, type CommanderError } from 'commander'
import { exitCodes, failureOf, renderFailure } from './failure.ts'
import { addServices, runServiceCommand } from './service-commands.ts'
import { type GlobalFlags, Session, type Terminal, withGlobals } from './terminal.ts'

/** Does the work of a command; what it returns is the exit code (nothing: 0). */
export type Action<Args extends unknown[]> = (session: Session, ...args: Args) => Promise<number | undefined>

export type Frame = {
  terminal: Terminal
  /** Wraps an action: gives it the session of its flags, keeps its exit code. */
  action: <Args extends unknown[]>(work: Action<Args>) => (...args: Args) => Promise<void>
}

const version = '0.1.0'

type Add = (program: Command, frame: Frame) => void

/** Loaded when asked for: most of the time that a command line takes is spent on loading what it does not need. */
const commands: Record<string, () => Promise<Add>> = {
  run: async () => (await import('./commands/run.ts')).addRun,
  submit: async () => (await import('./commands/submit.ts')).addSubmit,
  wait: async () => (await import('./commands/wait.ts')).addWait,
  ps: async () => (await import('./commands/ps.ts')).addPs,
  show: async () => (await import('./commands/show.ts')).addShow,
  logs: async () => (await import('./commands/logs.ts')).addLogs,
  cancel: async () => (await import('./commands/cancel.ts')).addCancel,
  retry: async () => (await import('./commands/retry.ts')).addRetry,
  events: async () => (await import('./commands/events.ts')).addEvents,
  hosts: async () => (await import('./commands/hosts.ts')).addHosts,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
  up: async () => {
    const { upCommand } = await import('./up/index.ts')
    return (program) => void program.addCommand(upCommand())
  },
}

/** The one command that the first word names; all of them for help, and where it is not clear. */
const commandsFor = (args: readonly string[]): Promise<Add[]> => {
  const named = args.find((word) => !word.startsWith('-')) ?? ''
  const wanted = Object.hasOwn(commands, named) ? [commands[named]!] : Object.values(commands)
  return Promise.all(wanted.map((load) => load()))
}

/** Runs one command line (without node and script); resolves with the exit code. Writes only to the terminal given. */
export const runCommandLine = async (args: readonly string[], terminal: Terminal): Promise<number> => {
  let exitCode: number = exitCodes.done
  const program = withGlobals(new Command('millrace'))
    .description('Runs commands on a fleet of hosts and never loses track of one.')
    .version(version)
    .enablePositionalOptions()
  const frame: Frame = {
    terminal,
    action:
      (work) =>
      async (...given) => {
        // Commander hands over arguments, flags and, last, the command itself.
        const command = given.at(-1) as Command
        const session = new Session(terminal, command.optsWithGlobals<GlobalFlags>())
        exitCode = (await work(session, ...given)) ?? exitCodes.done
      },
  }
  try {
    if (await runServiceCommand(args)) return exitCodes.done
    for (const add of await commandsFor(args)) add(program, frame)
    addServices(program)
    program.addHelpText('after', helpTail)
    const all = [program, ...program.commands]
    for (const command of all) {
      command.exitOverride().configureOutput({
        writeOut: (text) => void terminal.stdout.write(text),
        writeErr: () => {},
        outputError: () => {},
      })
    }
    if (args.length === 0) {
      terminal.stderr.write(program.helpInformation())
      return exitCodes.usage
    }
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    const { code, exitCode: wanted } = error as Partial<CommanderError>
    if (code?.startsWith('commander.') && wanted === 0) return exitCodes.done
    const failure = failureOf(error)
    terminal.stderr.write(renderFailure(failure, asksForJson(args)))
    return failure.exitCode
  }
}

/** Known before flags are parsed, because parsing itself may fail. What stands behind -- belongs to the job. */
const asksForJson = (args: readonly string[]): boolean => {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes('--json')
}

const helpTail = `
Exit codes: 0 done · 1 the job failed · 2 usage · 3 not found · 4 refused · 5 no server · 124 timed out ·
            run: the job's own code, 128+n for signal n.

Examples:
  $ millrace up                                everything on this machine
  $ millrace run -- python3 -c 'print(2**64)'  run it, see its output, get its exit code
  $ millrace submit -f jobs.ndjson             many at once; prints their ids
`
