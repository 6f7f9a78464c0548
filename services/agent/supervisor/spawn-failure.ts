/**
 * Why a command could not be started, in words that help. The kernel and Node say ENOENT for a missing command, a
 * missing interpreter and a missing working folder alike; here they are told apart by looking.
 */
import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'

export type SpawnFailure = { code: string; message: string }

export const explainSpawnFailure = (
  error: NodeJS.ErrnoException,
  program: string,
  cwd: string,
  path: string,
): SpawnFailure => {
  const code = error.code ?? 'UNKNOWN'
  return folderFault(cwd) ?? { code, message: programFault(code, program, path) ?? error.message }
}

const folderFault = (cwd: string): SpawnFailure | null => {
  const folder = statOf(cwd)
  if (folder === null) return { code: 'ENOENT', message: `The working folder ${cwd} does not exist on this host.` }
  if (folder === 'hidden')
    return { code: 'EACCES', message: `The working folder ${cwd} may not be read by the agent's user.` }
  if (!folder.isDirectory()) return { code: 'ENOTDIR', message: `The working folder ${cwd} is not a folder.` }
  if (!allowed(cwd, constants.X_OK))
    return { code: 'EACCES', message: `The working folder ${cwd} may not be entered by the agent's user.` }
  return null
}

const programFault = (code: string, program: string, path: string): string | null => {
  switch (code) {
    case 'ENOENT': {
      if (!program.includes('/')) {
        const found = path.split(':').find((folder) => folder !== '' && statOf(join(folder, program)) !== null)
        return found
          ? `The interpreter that ${join(found, program)} names in its first line does not exist on this host.`
          : `No command "${program}" is in the PATH of the job (${path}).`
      }
      return statOf(program) === null
        ? `There is no file ${program} on this host.`
        : `The interpreter that ${program} names in its first line does not exist on this host.`
    }
    case 'EACCES': {
      const file = program.includes('/') ? statOf(program) : null
      if (file && file !== 'hidden' && file.isDirectory()) return `${program} is a folder, not a program.`
      return `${program} may not be executed by the agent's user (is its executable bit set?).`
    }
    case 'ENOEXEC':
      return `${program} is no program of this machine's kind, and no script (does its first line begin with #!?).`
    case 'ENOTDIR':
      return `A part of the path ${program} is not a folder.`
    case 'E2BIG':
      return 'The arguments and the environment together are longer than this host allows.'
    case 'EAGAIN':
    case 'ENOMEM':
      return 'The host has no room for another process now.'
    case 'EMFILE':
    case 'ENFILE':
      return 'The host has no file descriptor left for another process now.'
    case 'ENOSPC':
    case 'EDQUOT':
      return "The disk that holds the agent's data folder is full."
    case 'EROFS':
      return "The agent's data folder is on a read-only file system."
    default:
      return null
  }
}

const statOf = (path: string): Stats | 'hidden' | null => {
  try {
    return statSync(path)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'hidden' : null
  }
}

const allowed = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
