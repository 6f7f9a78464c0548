/** What the agent tells a supervisor when it starts one. */
import { realpathSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Resources } from '#schemas'

export type SupervisorSettings = {
  version: string
  capacity: Resources
  /** Bytes of the end of stdout and of stderr that travel in a report. */
  tailBytes: number
  /** How long a killed tree may take to be gone. */
  killVerifyMs: number
  containment: 'best' | 'process-group'
  /** Without an agent and without anything that runs or waits, it leaves after this long. */
  idleExitMs: number
}

export type SupervisorOptions = SupervisorSettings & { data: string }

export const parseOptions = (args: string[]): SupervisorOptions => {
  const { values } = parseArgs({ args, options: { data: { type: 'string' }, settings: { type: 'string' } } })
  if (!values.data || !values.settings) throw new Error('Expected --data FOLDER --settings JSON.')
  return { ...(JSON.parse(values.settings) as SupervisorSettings), data: realpathSync(values.data) }
}

export const argumentsOf = (data: string, settings: SupervisorSettings): string[] => [
  '--data',
  data,
  '--settings',
  JSON.stringify(settings),
]
