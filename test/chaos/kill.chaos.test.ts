/** Parts are killed under work: no job is lost, none is doubled where its supervisor lived, no process is left. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isRunning, readProcessStat } from '#process'
import { until } from '../support/until.ts'
import { startUp, type Up } from '../support/up.ts'

const jobs = 150

/** Submits jobs that each write one line when they start and one when they end. */
const submitWork = async (up: Up, file: string, prefix: string): Promise<void> => {
  const lines = Array.from({ length: jobs }, (_, n) =>
    JSON.stringify({
      id: `${prefix}${n}`,
      name: 'line',
      cpus: 0.1,
      command: ['sh', '-c', `echo ${prefix}${n} >> ${file}; sleep 0.0$(( ${n} % 5 ))`],
    }),
  )
  const { exitCode, stderr } = await up.cli(['submit', '-f', '-'], { input: lines.join('\n') })
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
}

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean)

const allEnded = (up: Up): Promise<unknown> =>
  until(
    'every job has ended',
    async () => {
      const { exitCode, stdout } = await up.cli(['ps', '--all', '--limit', '1000', '--json'])
      if (exitCode !== 0) return false
      const states = (JSON.parse(stdout).jobs as { state: string }[]).map(({ state }) => state)
      return states.length >= jobs && states.every((state) => state === 'succeeded')
    },
    100_000,
  )

type Victim = 'agent' | 'scheduler' | 'archive' | 'nats' | 'gateway' | 'supervisor'
const pidOf = (up: Up, victim: Victim): number => {
  const { agents, ...services } = up.ready.pids
  const [agent] = Object.values(agents)
  return victim === 'agent' ? agent!.agent : victim === 'supervisor' ? agent!.supervisor : services[victim]
}

describe('SIGKILL in the midst of work', () => {
  test.each(['agent', 'scheduler', 'archive', 'nats', 'gateway'] as const)(
    '%s: every job runs exactly once',
    async (victim) => {
      await using up = await startUp()
      const file = join(up.dataDir, 'lines')
      writeFileSync(file, '')
      await submitWork(up, file, 'j')
      await until('some jobs ran', () => linesOf(file).length > 10)
      process.kill(pidOf(up, victim), 'SIGKILL')
      await allEnded(up)
      expect(linesOf(file).toSorted()).toEqual(Array.from({ length: jobs }, (_, n) => `j${n}`).toSorted())
      expect(up.stderr()).toMatch(new RegExp(victim === 'nats' ? 'nats' : victim))
      expect((await up.cli(['run', '--', 'echo', 'alive'])).stdout).toBe('alive\n')
    },
  )

  test('supervisor: no process of its jobs survives, its attempts are lost and run again', async () => {
    await using up = await startUp()
    const file = join(up.dataDir, 'lines')
    writeFileSync(file, '')
    const { stdout } = await up.cli(['submit', '--', 'sh', '-c', `echo $$ >> ${file}; exec sleep 600`])
    const id = stdout.trim()
    const first = await until('it runs', () => Number(linesOf(file)[0] ?? 0))
    process.kill(pidOf(up, 'supervisor'), 'SIGKILL')
    await until('it runs again', () => linesOf(file).length === 2)
    expect(isAlive(first)).toBe(false)
    const job = await until('both attempts are shown', async () => {
      const shown = await up.json(['show', id])
      return shown.attempts.length === 2 && shown.attempts[1].state === 'running' ? shown : null
    })
    expect(job.attempts[0]).toMatchObject({ cause: 'lost' })
    expect((await up.cli(['cancel', id])).exitCode).toBe(0)
    await until('it is cancelled', async () => (await up.json(['show', id])).state === 'cancelled')
    expect(isAlive(Number(linesOf(file)[1]))).toBe(false)
  })

  test('agent, while a long job runs: the job is not touched and its true exit is reported', async () => {
    await using up = await startUp()
    const go = join(up.dataDir, 'go')
    const { stdout } = await up.cli([
      'submit',
      '--',
      'sh',
      '-c',
      `while [ ! -e ${go} ]; do sleep 0.05; done; echo done; exit 7`,
    ])
    const id = stdout.trim()
    const running = await until('it runs', async () => {
      const job = await up.json(['show', id])
      return job.state === 'running' ? job : null
    })
    process.kill(pidOf(up, 'agent'), 'SIGKILL')
    writeFileSync(go, '')
    await up.cli(['wait', id, '--timeout', '90s'])
    const job = await up.json(['show', id])
    expect(job).toMatchObject({ state: 'failed', result: { exitCode: 7, cause: 'exit' } })
    expect(job.attempts).toHaveLength(1)
    expect(job.attempts[0].pid).toBe(running.attempts[0].pid)
    expect((await up.cli(['logs', id])).stdout).toBe('done\n')
  })

  test('a cancel reaches the whole tree of a running job', async () => {
    await using up = await startUp()
    const file = join(up.dataDir, 'pids')
    writeFileSync(file, '')
    const script = `trap '' TERM; sh -c 'echo $$ >> ${file}; sleep 600' & setsid sh -c 'echo $$ >> ${file}; sleep 600' & echo $$ >> ${file}; wait`
    const { stdout } = await up.cli(['submit', '--grace', '200ms', '--', 'sh', '-c', script])
    await until('all three run', () => linesOf(file).length === 3)
    await up.cli(['cancel', stdout.trim()])
    await until('it is cancelled', async () => (await up.json(['show', stdout.trim()])).state === 'cancelled')
    expect(linesOf(file).map(Number).filter(isAlive)).toEqual([])
  })
})

const isAlive = (pid: number): boolean => isRunning(readProcessStat(pid))
