/**
 * A lock between processes of one machine: a folder made by mkdir, which is atomic, with its owner's pid inside.
 * Must never be trusted to fence anything for good: a lock whose owner is gone, or that is very old, is taken over, so
 * what it protects has to stay correct (if wasteful) when two hold it.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const pauseMs = 50
/** An owner writes its pid right after mkdir; a lock without one is given this long. */
const ownerlessLimitMs = 5_000
/** Nothing done under such a lock takes longer; an older one belongs to a reused pid. */
const ageLimitMs = 15 * 60_000

/** Runs `work` while holding the lock at `path`, waiting for its turn for at most `waitMs`; then goes on without it. */
export async function withFolderLock<Result>(
  path: string,
  waitMs: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const held = await acquire(path, waitMs)
  try {
    return await work()
  } finally {
    if (held) await rm(path, { recursive: true, force: true })
  }
}

async function acquire(path: string, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs
  for (;;) {
    try {
      await mkdir(path)
      await writeFile(join(path, 'owner'), String(process.pid))
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // ENOENT: the lock was taken for abandoned and moved away between our two steps.
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error
    }
    const abandonedBy = await abandonedOwner(path)
    if (abandonedBy !== undefined) await moveAway(path, abandonedBy)
    else if (performance.now() > deadline) return false
    else await delay(pauseMs)
  }
}

/** The owner written in a lock that nobody holds any more ('' if none was written); undefined while somebody holds it. */
async function abandonedOwner(path: string): Promise<string | undefined> {
  const made = await stat(path).catch(() => undefined)
  if (made === undefined) return undefined
  const ageMs = Date.now() - made.mtimeMs
  const owner = await readOwner(path)
  const abandoned = ageMs > ageLimitMs || (Number(owner) > 0 ? !isAlive(Number(owner)) : ageMs > ownerlessLimitMs)
  return abandoned ? owner : undefined
}

/**
 * Renames before removing, so that of two who saw the same dead owner only one removes it. Whoever finds that it has
 * moved the lock of a new owner instead puts it back.
 */
async function moveAway(path: string, owner: string): Promise<void> {
  const aside = `${path}.abandoned-${process.pid}-${randomUUID()}`
  await rename(path, aside).catch(() => undefined)
  if ((await readOwner(aside)) !== owner) await rename(aside, path).catch(() => undefined)
  await rm(aside, { recursive: true, force: true })
}

function readOwner(path: string): Promise<string> {
  return readFile(join(path, 'owner'), 'utf8').catch(() => '')
}

/** True when a process with this pid runs, whoever owns it. A zombie runs no more, however slowly it is reaped. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !isZombie(pid)
}

/** proc(5): the state follows the command's name, which may itself hold parentheses. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    return /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
