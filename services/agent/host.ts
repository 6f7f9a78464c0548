/** What this machine is called and what it has, unless flags say otherwise. */
import { readFileSync } from 'node:fs'
import { availableParallelism, hostname, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The hostname as one subject token. */
export const hostIdOf = (name = hostname()): string => {
  const token = name.replace(/[^A-Za-z0-9_-]/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return token.slice(0, 64) || 'host'
}

export const cpuMilliDefault = (): number => availableParallelism() * 1000

/** Memory of the machine, or of the container that the agent is in, if that is less. */
export const memoryBytesDefault = (): number => {
  const total = totalmem()
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 && constrained < total ? constrained : total
}

/** Version of this package: of the nearest package.json above. */
export const ownVersion = (): string => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
      if (name === 'millrace' && version) return version
    } catch {
      // Not in this folder.
    }
  }
  return '0.0.0'
}
