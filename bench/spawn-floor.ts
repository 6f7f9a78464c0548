/** The floor: a bare `child_process.spawn` loop of the same command, nothing recorded, eight in flight. */
import { spawn } from 'node:child_process'

/** Runs a command `count` times; gives commands per second. */
export const spawnFloor = (command: string, count: number, inFlight = 8): Promise<number> =>
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
