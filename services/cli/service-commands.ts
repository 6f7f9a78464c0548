/**
 * `millrace scheduler|agent|archive|gateway`: one service takes over this process. The only place where a service
 * refers to another, and only to its main file.
 */
import type { Command } from 'commander'

const services: Record<string, { description: string; load: () => Promise<unknown> }> = {
  scheduler: {
    description: 'one scheduler: start two or more, one of them leads',
    load: () => import('../scheduler/main.ts'),
  },
  agent: { description: 'the agent of this host', load: () => import('../agent/main.ts') },
  archive: { description: 'the archive: keeps every event, answers queries', load: () => import('../archive/main.ts') },
  gateway: { description: 'the HTTP gateway', load: () => import('../gateway/main.ts') },
}

/** For the help: the services read their flags themselves. */
export const addServices = (program: Command): void => {
  for (const [name, { description }] of Object.entries(services)) {
    program
      .command(`${name}`)
      .description(description)
      .usage('--nats URL [flags]')
      .allowUnknownOption()
      .helpOption(false)
  }
}

/** Hands the process over when the first word names a service. Its main parses argv as if it had been started alone. */
export const runServiceCommand = async (args: readonly string[]): Promise<boolean> => {
  const service = Object.hasOwn(services, args[0] ?? '') ? services[args[0]!] : undefined
  if (!service) return false
  process.argv.splice(2, process.argv.length, ...args.slice(1))
  await service.load()
  return true
}
