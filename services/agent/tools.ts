/** Which tools the host has, in which version: asked from the tools themselves, all at once, each within a time limit. */
import { execa } from 'execa'

type Probe = { command: string; args: string[]; version: RegExp }

/** A feature of the agent is one line here. Versions are what `--require tool.NAME` will compare. */
const probes: Record<string, Probe> = {
  python3: { command: 'python3', args: ['--version'], version: /Python (\d+(?:\.\d+)+)/ },
  gp: { command: 'gp', args: ['--version-short'], version: /^(\d+(?:\.\d+)+)/ },
  sage: { command: 'sage', args: ['--version'], version: /version (\d+(?:\.\d+)+)/ },
}

const limitMs = 5_000

/** Name → version of those that answered. Never rejects. */
export const probeTools = async (): Promise<Record<string, string>> => {
  const found: Record<string, string> = {}
  await Promise.all(
    Object.entries(probes).map(async ([name, { command, args, version }]) => {
      const run = await execa(command, args, {
        timeout: limitMs,
        reject: false,
        stdin: 'ignore',
        all: true,
        maxBuffer: 64 * 1024,
      })
      const match = run.failed ? null : version.exec(run.all)
      if (match) found[name] = match[1]!
    }),
  )
  return Object.fromEntries(Object.entries(found).sort())
}
