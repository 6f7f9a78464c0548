/** The command line as a table of contents: every command, its flags, where it is done. */
import { Command, type CommanderError } from 'commander'
import { addCancel } from './commands/cancel.ts'
import { addDoctor } from './commands/doctor.ts'
import { addEvents } from './commands/events.ts'
import { addHosts } from './commands/hosts.ts'
import { addLogs } from './commands/logs.ts'
import { addPs } from './commands/ps.ts'
import { addRetry } from './commands/retry.ts'
import { addRun } from './commands/run.ts'
import { addShow } from './commands/show.ts'
import { addSubmit } from './commands/submit.ts'
import { addWait } from './commands/wait.ts'
import { exitCodes, failureOf, renderFailure } from './failure.ts'
import { addServices, runServiceCommand } from './service-commands.ts'
import { type GlobalFlags, Session, type Terminal, withGlobals } from './terminal.ts'
import { upCommand } from './up/index.ts'

/** Does the work of a command; what it returns is the exit code (nothing: 0). */
export type Action<Args extends unknown[]> = (session: Session, ...args: Args) => Promise<number | undefined>

export type Frame = {
  terminal: Terminal
  /** Wraps an action: gives it the session of its flags, keeps its exit code. */
  action: <Args extends unknown[]>(work: Action<Args>) => (...args: Args) => Promise<void>
}

const version = '0.1.0'

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
  for (const add of [
    addRun,
    addSubmit,
    addWait,
    addPs,
    addShow,
    addLogs,
    addCancel,
    addRetry,
    addEvents,
    addHosts,
    addDoctor,
  ])
    add(program, frame)
  program.addCommand(upCommand())
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
  try {
    if (await runServiceCommand(args)) return exitCodes.done
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
