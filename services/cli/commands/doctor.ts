/** `millrace doctor`: looks at this machine and at the gateway, and says what is wrong and how to mend it. */
import type { Command } from 'commander'
import { diagnose, type Finding } from '../doctor/diagnose.ts'
import { exitCodes } from '../failure.ts'
import type { Frame } from '../program.ts'
import { type Session, withGlobals } from '../terminal.ts'

export const addDoctor = (program: Command, frame: Frame): void => {
  withGlobals(program.command('doctor'))
    .description('check this machine and the deployment; say what is wrong and how to mend it')
    .option('--data <dir>', 'the data folder of millrace up', '.millrace')
    .action(frame.action(doctor))
}

/** Exit code 1 when something is wrong that keeps Millrace from working; a warning is no failure. */
const doctor = async (session: Session, flags: { data: string }): Promise<number> => {
  const findings = await diagnose({ dataDir: flags.data, server: session.server, token: session.token })
  const sound = findings.every(({ status }) => status !== 'wrong')
  if (session.json) session.document({ sound, findings })
  else for (const finding of findings) for (const line of lines(finding, session.colors)) session.line(line)
  return sound ? exitCodes.done : exitCodes.jobFailed
}

const lines = ({ status, topic, sentence, hint, details }: Finding, colors: Session['colors']): string[] => {
  const marks = { fine: colors.green('ok     '), note: colors.yellow('note   '), wrong: colors.red('wrong  ') }
  return [
    `${marks[status]}${topic.padEnd(12)} ${sentence}`,
    ...details.map((detail) => `${' '.repeat(20)}${colors.dim(detail)}`),
    ...(hint === '' ? [] : [`${' '.repeat(20)}→ ${hint}`]),
  ]
}
