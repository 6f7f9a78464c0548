/** Whole process trees of real processes: nothing of an attempt outlives it, whatever it does to get away. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { attemptFolder, isRunning, readProcessStat } from '#process'
import { capacityOf, requestOf, Told } from '../../../libs/process/contract.testing.ts'
import { processesWith, type RealCell, type RealCellOptions, realCell, until } from '../testing/supervisor-cell.ts'

const cells: RealCell[] = []
afterEach(async () => {
  for (const cell of cells.splice(0)) await cell.dispose()
})

const given = async (options: RealCellOptions = {}) => {
  const cell = await realCell(options)
  cells.push(cell)
  const told = await Told.by(cell)
  const sh = (id: string, script: string, more = {}) =>
    told.supervisor.start([requestOf(id, ['/bin/sh', '-c', script], more)])
  const scratch = (id: string, name: string) => join(attemptFolder(cell.data, id), 'scratch', name)
  return { cell, told, sh, scratch, of: () => processesWith(cell.data).filter((pid) => pid !== cell.pid()) }
}

// Each leaves something behind that is not in the process group and says when it is there.
const escapes = {
  'a background child': 'sleep 1000 & echo $! > pid.tmp; mv pid.tmp pid',
  setsid: "setsid sh -c 'echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 1000' & while [ ! -e pid ]; do sleep 0.01; done",
  'a double fork':
    '(setsid sh -c \'sh -c "echo \\$\\$ > pid.tmp; mv pid.tmp pid; exec sleep 1000" &\' &) ; while [ ! -e pid ]; do sleep 0.01; done',
  'one that ignores TERM and HUP':
    "(trap '' TERM HUP; setsid sh -c 'echo $$ > pid.tmp; mv pid.tmp pid; while :; do sleep 1000; done' &) ; while [ ! -e pid ]; do sleep 0.01; done",
}

describe.each(['best', 'process-group'] as const)('containment %s', (containment) => {
  test.each(Object.entries(escapes))('when the command ends, %s is ended too before it is said', async (_, script) => {
    const { told, sh, scratch, of } = await given({ containment })
    sh('a.1', `${script}; exit 7`)
    await until(() => told.end('a.1') !== undefined)
    expect(told.end('a.1')).toMatchObject({ cause: 'exit', exitCode: 7 })
    const pid = Number(readFileSync(scratch('a.1', 'pid'), 'utf8'))
    expect(isRunning(readProcessStat(pid))).toBe(false)
    expect(of()).toEqual([])
  })

  test('when it is stopped, the whole tree goes', async () => {
    const { told, sh, scratch, of } = await given({ containment })
    sh('a.1', `trap '' TERM; ${escapes.setsid}; while :; do sleep 1000; done`)
    await until(() => existsSync(scratch('a.1', 'pid')))
    told.supervisor.stop('a.1', 100)
    await until(() => told.end('a.1') !== undefined)
    expect(told.end('a.1')).toMatchObject({ cause: 'cancelled', signal: 'SIGKILL' })
    expect(of()).toEqual([])
  })

  test('SIGKILL of the supervisor: the next one ends what it left, and says lost with the output so far', async () => {
    const { cell, told, sh, scratch, of } = await given({ containment })
    sh('a.1', `echo so far; ${escapes['one that ignores TERM and HUP']}; sleep 1000`)
    sh('b.1', 'exec sleep 1000')
    await until(() => existsSync(scratch('a.1', 'pid')) && told.started('b.1') !== undefined)
    expect(of().length).toBeGreaterThan(2)
    await cell.kill()
    await until(() => told.closed === true)
    const again = await Told.by(cell)
    await until(() => again.end('a.1') !== undefined && again.end('b.1') !== undefined)
    expect(again.end('a.1')).toMatchObject({ cause: 'lost', error: { code: 'supervisor-died' }, stdoutBytes: 7 })
    expect(of()).toEqual([])
  })

  test('a stopped (SIGSTOP) job ends on TERM', async () => {
    const { told, sh } = await given({ containment })
    sh('a.1', 'kill -STOP $$; sleep 1000')
    await until(() => readProcessStat(told.started('a.1')?.pid ?? 1)?.state === 'T')
    told.supervisor.stop('a.1', 60_000)
    await until(() => told.end('a.1') !== undefined)
    expect(told.end('a.1')).toMatchObject({ cause: 'cancelled', signal: 'SIGTERM' })
  })
})

test('while being stopped, what the command left behind has the rest of the grace', async () => {
  const { told, sh, scratch } = await given()
  sh(
    'a.1',
    `sh -c "trap 'sleep 0.3; echo saved > saved; exit' TERM; touch up; while :; do sleep 0.05; done" & exec sleep 1000`,
  )
  await until(() => existsSync(scratch('a.1', 'up')))
  told.supervisor.stop('a.1', 60_000)
  await until(() => told.end('a.1') !== undefined)
  expect(readFileSync(scratch('a.1', 'saved'), 'utf8')).toBe('saved\n')
})

test('a process of another folder with the same attempt id is not touched', async () => {
  const one = await given({ containment: 'process-group' })
  const other = await given({ containment: 'process-group' })
  one.sh('a.1', 'exec sleep 1000')
  other.sh('a.1', 'exec sleep 1000')
  await until(() => one.told.started('a.1') !== undefined && other.told.started('a.1') !== undefined)
  await one.cell.kill()
  const again = await Told.by(one.cell)
  await until(() => again.end('a.1') !== undefined)
  expect(isRunning(readProcessStat(other.told.started('a.1')!.pid))).toBe(true)
  expect(other.told.end('a.1')).toBeUndefined()
})

test('a time limit holds while no agent is there, and a forked tree dies of it', async () => {
  const { cell, told, sh, scratch, of } = await given({ capacity: capacityOf(4) })
  sh('a.1', `${escapes.setsid}; sleep 1000`, { timeoutMs: 500, graceMs: 100 })
  await until(() => existsSync(scratch('a.1', 'pid')))
  told.supervisor.close()
  await until(() => of().length === 0)
  const again = await Told.by(cell)
  await until(() => again.end('a.1') !== undefined)
  expect(again.end('a.1')).toMatchObject({ cause: 'timeout' })
})
