/**
 * The floor: a bare `child_process.spawn` loop of one command, nothing recorded, eight in flight. A process of its own
 * (`node spawn-floor.js COMMAND COUNT` prints commands per second), because Node forks: what a process holds in memory
 * slows each of its spawns down, and the floor must not pay for the benchmark's.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

/** Runs a command `count` times in a fresh process; gives commands per second. */
export const spawnFloor = async (command: string, count: number): Promise<number> => {
  const { stdout } = await execa(process.execPath, [fileURLToPath(import.meta.url), command, String(count)])
  return Number(stdout)
}

const inFlight = 8

const loop = (command: string, count: number): Promise<number> =>
  new Promise((done) => {
    const startedAt = performance.now()
    let started = 0
    let ended = 0
    const next = (): void => {
      if (started === count) return
      started++
      spawn(command, [], { stdio: 'ignore', detached: true }).once('exit', () => {
        ended++
        if (ended === count) done((count / (performance.now() - startedAt)) * 1000)
        else next()
      })
    }
    for (let n = 0; n < inFlight; n++) next()
  })

const [, path, command, count] = process.argv
if (path === fileURLToPath(import.meta.url)) process.stdout.write(String(await loop(command!, Number(count))))
