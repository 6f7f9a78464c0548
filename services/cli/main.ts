#!/usr/bin/env node
/** The entry of `millrace`. Ends the process with the exit code of CONTRACT; a closed pipe (`| head`) is no error. */
import { runCommandLine } from './program.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

// Whoever read the progress is gone: the work goes on, and is stopped in order when its time comes.
process.stderr.on('error', () => {})

const exitCode = await runCommandLine(process.argv.slice(2), process)
process.exit(exitCode)
