/** A process that holds the agent's end of a supervisor's socket, so that a test can kill it. */
import { connectSupervisor, type StartRequest } from '#process'

const supervisor = await connectSupervisor(process.argv[2]!, {
  onReports: (reports) => {
    for (const report of reports) if (report.kind === 'started') process.send?.({ pid: report.pid })
  },
  onClosed: () => process.exit(1),
})
process.on('message', (request) => supervisor.start([request as StartRequest]))
