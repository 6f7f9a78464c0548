/** Where things lie in an agent's data folder. The only place that builds these paths. */
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

/** Folder of one attempt. Made by the supervisor; its making is exclusive, so that an attempt id is spawned once. */
export const attemptFolder = (data: string, attemptId: string): string => join(data, 'attempts', attemptId)
export const attemptScratch = (data: string, attemptId: string): string => join(data, 'attempts', attemptId, 'scratch')
export const attemptOutput = (data: string, attemptId: string, stream: 'out' | 'err'): string =>
  join(data, 'attempts', attemptId, stream)

/** Emptied folders of ended attempts, each with an empty `out`, an empty `err` and an empty `scratch/`. */
export const folderPool = (data: string): string => join(data, 'pool')

const socketName = 'supervisor.sock'

/**
 * Address of the supervisor's socket. A unix socket's path has room for 107 bytes; a longer one goes through an open
 * descriptor of the folder, which gives it a short name (Linux). Call `close` when the socket is no longer needed.
 */
export const supervisorSocket = (data: string): { path: string; close(): void } => {
  const path = join(data, socketName)
  if (Buffer.byteLength(path) <= 100) return { path, close: () => {} }
  const folder = openSync(data, 'r')
  let open = true
  return {
    path: `/proc/self/fd/${folder}/${socketName}`,
    close: () => {
      if (open) closeSync(folder)
      open = false
    },
  }
}
