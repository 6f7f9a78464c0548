/** Which containment this machine allows: tried, not guessed. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CgroupContainment } from './cgroup.ts'
import type { Containment } from './containment.ts'
import { ProcessGroupContainment } from './process-group.ts'

/** Mount point and own place of the cgroup v2 tree, or null: proc_pid_mountinfo(5), cgroups(7). */
export const ownCgroup = (mountinfo: string, cgroup: string): string | null => {
  const own = /^0::(\/.*)$/m.exec(cgroup)?.[1]
  if (own === undefined || own.includes('/..')) return null
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    if (!after?.startsWith('cgroup2 ')) continue
    const [, , , root, mountPoint] = before!.split(' ')
    if (root === undefined || mountPoint === undefined) continue
    if (root === '/') return join(unescapePath(mountPoint), own)
    if (own === root || own.startsWith(`${root}/`)) return join(unescapePath(mountPoint), own.slice(root.length))
  }
  return null
}

/** mountinfo writes space, tab, line feed and backslash as octal. */
const unescapePath = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** `wanted` narrows the choice (tests; an operator who wants no cgroups). */
export const pickContainment = (
  data: string,
  wanted: 'best' | 'process-group',
  onPassedOver: (why: string) => void,
): Containment => {
  const fallback = (why: string): Containment => {
    onPassedOver(why)
    return new ProcessGroupContainment(join(data, 'attempts'))
  }
  if (wanted === 'process-group') return fallback('asked for')
  let home: string | null = null
  try {
    home = ownCgroup(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))
  } catch (error) {
    return fallback((error as Error).message)
  }
  if (home === null) return fallback('no cgroup v2 mount')
  try {
    const name = `millrace-${createHash('sha256').update(data).digest('hex').slice(0, 16)}`
    return new CgroupContainment(join(home, name), home)
  } catch (error) {
    return fallback((error as Error).message)
  }
}
