/**
 * What every supervisor does, fake or real: the promises of port.ts as tests. Commands are made by the cell under test,
 * because a fake has no programs.
 */
import { afterEach, describe, expect, test } from 'vitest'
import type { Resources } from '#schemas'
import type { AttemptEnd, StartRequest, Supervisor, SupervisorEvents, SupervisorReport } from './port.ts'

export type Program =
  | { does: 'exit'; code: number; stdout?: string }
  | { does: 'sleep' }
  /** Sleeps and ignores TERM. */
  | { does: 'ignore-term' }
  | { does: 'die'; signal: 'SIGKILL' }
  | { does: 'not-exist' }

export type SupervisorCell = {
  connect(events: SupervisorEvents): Promise<Supervisor>
  commandFor(program: Program): string[]
  /** Lets time pass until this holds; throws when it never does. */
  until(holds: () => boolean): Promise<void>
  /** SIGKILL to the supervisor; `restart` brings up a new one on the same folder. */
  kill(): Promise<void>
  restart(): Promise<void>
  dispose(): Promise<void>
}

export type CellOptions = { capacity: Resources }

export const capacityOf = (cpus: number, custom: Record<string, number> = {}): Resources => ({
  cpuMilli: cpus * 1000,
  memoryBytes: 2 ** 40,
  custom,
})

/** One connection and what it was told. */
export class Told {
  readonly reports: SupervisorReport[] = []
  closed: boolean | null = null
  supervisor!: Supervisor

  static async by(cell: SupervisorCell): Promise<Told> {
    const told = new Told()
    told.supervisor = await cell.connect({
      onReports: (reports) => void told.reports.push(...reports),
      onClosed: (died) => {
        told.closed = died
      },
    })
    return told
  }

  started(id: string): Extract<SupervisorReport, { kind: 'started' }> | undefined {
    for (const report of this.reports) if (report.kind === 'started' && report.attemptId === id) return report
    return undefined
  }

  end(id: string): AttemptEnd | undefined {
    for (const report of this.reports) if (report.kind === 'ended' && report.end.attemptId === id) return report.end
    return undefined
  }

  unstarted(id: string): string | undefined {
    for (const report of this.reports) if (report.kind === 'unstarted' && report.attemptId === id) return report.why
    return undefined
  }
}

export const requestOf = (
  attemptId: string,
  command: readonly string[],
  more: Partial<StartRequest> = {},
): StartRequest => ({
  attemptId,
  job: attemptId.split('.')[0]!,
  attempt: 1,
  command,
  env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  cwd: null,
  stdin: null,
  timeoutMs: null,
  graceMs: 5_000,
  resources: { cpuMilli: 1000, memoryBytes: 0, custom: {} },
  queueWaitMs: 60_000,
  ...more,
})

export const supervisorContract = (makeCell: (options: CellOptions) => Promise<SupervisorCell>): void => {
  const cells: SupervisorCell[] = []
  afterEach(async () => {
    for (const cell of cells.splice(0)) await cell.dispose()
  })
  const given = async (capacity = capacityOf(4)) => {
    const cell = await makeCell({ capacity })
    cells.push(cell)
    const told = await Told.by(cell)
    const run = (id: string, program: Program, more: Partial<StartRequest> = {}) =>
      told.supervisor.start([requestOf(id, cell.commandFor(program), more)])
    return { cell, told, supervisor: told.supervisor, run }
  }

  describe('supervisor contract', () => {
    test('says who it is and that it has nothing', async () => {
      const { supervisor } = await given()
      expect(supervisor.hello.attempts).toEqual([])
      expect(supervisor.hello.pid).toBeGreaterThan(1)
      expect(supervisor.hello.containment).not.toBe('')
    })

    test.each([0, 3, 137])('an exit code %i is reported as it is, after started', async (code) => {
      const { cell, told, run } = await given()
      run('a.1', { does: 'exit', code })
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.reports.map(({ kind }) => kind)).toEqual(['started', 'ended'])
      expect(told.end('a.1')).toMatchObject({ cause: 'exit', exitCode: code, signal: null })
      expect(told.end('a.1')?.pid).toBe(told.started('a.1')?.pid)
    })

    test('a signal is no exit code', async () => {
      const { cell, told, run } = await given()
      run('a.1', { does: 'die', signal: 'SIGKILL' })
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ cause: 'signal', exitCode: null, signal: 'SIGKILL' })
    })

    test('output: its size and its end', async () => {
      const { cell, told, run } = await given()
      run('a.1', { does: 'exit', code: 0, stdout: 'hello' })
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ stdoutBytes: 5, stdoutTail: 'aGVsbG8=', stderrBytes: 0, stderrTail: '' })
    })

    test('what can’t be started is an end with cause spawn and the errno', async () => {
      const { cell, told, run } = await given()
      run('a.1', { does: 'not-exist' })
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ cause: 'spawn', exitCode: null, error: { code: 'ENOENT' } })
      expect(told.started('a.1')).toBeUndefined()
    })

    test('the same attempt twice is one', async () => {
      const { cell, told, run } = await given()
      run('a.1', { does: 'exit', code: 0 })
      run('a.1', { does: 'exit', code: 1 })
      await cell.until(() => told.end('a.1') !== undefined)
      run('a.1', { does: 'exit', code: 2 })
      run('b.1', { does: 'exit', code: 0 })
      await cell.until(() => told.end('b.1') !== undefined)
      expect(told.reports.filter(({ kind }) => kind === 'started')).toHaveLength(2)
      expect(told.end('a.1')?.exitCode).toBe(0)
    })

    test('stop: TERM', async () => {
      const { cell, told, supervisor, run } = await given()
      run('a.1', { does: 'sleep' })
      await cell.until(() => told.started('a.1') !== undefined)
      supervisor.stop('a.1', 60_000)
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ cause: 'cancelled', signal: 'SIGTERM' })
    })

    test('stop: KILL after the grace when TERM is ignored, and a second stop shortens it', async () => {
      const { cell, told, supervisor, run } = await given()
      run('a.1', { does: 'ignore-term' })
      run('b.1', { does: 'ignore-term' })
      await cell.until(() => told.started('a.1') !== undefined && told.started('b.1') !== undefined)
      supervisor.stop('a.1', 200)
      supervisor.stop('b.1', 3_000_000)
      supervisor.stop('b.1', 0)
      await cell.until(() => told.end('a.1') !== undefined && told.end('b.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ cause: 'cancelled', signal: 'SIGKILL' })
      expect(told.end('b.1')).toMatchObject({ cause: 'cancelled', signal: 'SIGKILL' })
    })

    test('a time limit ends it with cause timeout', async () => {
      const { cell, told, run } = await given()
      run('a.1', { does: 'sleep' }, { timeoutMs: 150 })
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ cause: 'timeout' })
    })

    test('starts in order, as resources allow, custom ones too', async () => {
      const { cell, told, supervisor, run } = await given(capacityOf(8, { license: 1 }))
      const licensed = { resources: { cpuMilli: 1000, memoryBytes: 0, custom: { license: 1 } } }
      run('a.1', { does: 'sleep' }, licensed)
      run('b.1', { does: 'exit', code: 0 }, licensed)
      await cell.until(() => told.started('a.1') !== undefined)
      const again = await Told.by(cell)
      expect(again.supervisor.hello.attempts).toContainEqual({ attemptId: 'b.1', state: 'waiting', pid: null })
      expect(told.started('b.1')).toBeUndefined()
      expect(supervisor.hello.pid).toBe(again.supervisor.hello.pid)
      again.supervisor.stop('a.1', 0)
      await cell.until(() => again.end('b.1') !== undefined)
    })

    test('gives back what waited too long or was stopped before its start', async () => {
      const { cell, told, supervisor, run } = await given(capacityOf(1))
      run('a.1', { does: 'sleep' })
      run('b.1', { does: 'exit', code: 0 }, { queueWaitMs: 100 })
      run('c.1', { does: 'exit', code: 0 })
      supervisor.stop('c.1', 0)
      await cell.until(() => told.unstarted('b.1') !== undefined && told.unstarted('c.1') !== undefined)
      expect(told.unstarted('b.1')).toBe('queue-wait')
      expect(told.unstarted('c.1')).toBe('stopped')
      expect(told.end('a.1')).toBeUndefined()
    })

    test('more capacity starts what waits', async () => {
      const { cell, told, supervisor, run } = await given(capacityOf(1))
      run('a.1', { does: 'sleep' })
      run('b.1', { does: 'exit', code: 0 })
      supervisor.setCapacity(capacityOf(2))
      await cell.until(() => told.end('b.1') !== undefined)
    })

    test('an agent that comes back hears what it missed, until it says forget', async () => {
      const { cell, told, supervisor, run } = await given()
      run('a.1', { does: 'sleep' })
      await cell.until(() => told.started('a.1') !== undefined)
      supervisor.close()
      const second = await Told.by(cell)
      expect(second.supervisor.hello.attempts).toMatchObject([{ attemptId: 'a.1', state: 'running' }])
      await cell.until(() => second.started('a.1') !== undefined)
      second.supervisor.stop('a.1', 0)
      await cell.until(() => second.end('a.1') !== undefined)
      second.supervisor.close()
      const third = await Told.by(cell)
      await cell.until(() => third.end('a.1') !== undefined)
      expect(third.end('a.1')).toEqual(second.end('a.1'))
      third.supervisor.forget(['a.1'])
      // Said in the same order on the same socket, so it has been heard when this has run.
      third.supervisor.start([requestOf('b.1', cell.commandFor({ does: 'exit', code: 0 }))])
      await cell.until(() => third.end('b.1') !== undefined)
      third.supervisor.close()
      const fourth = await Told.by(cell)
      expect(fourth.supervisor.hello.attempts.map(({ attemptId }) => attemptId)).toEqual(['b.1'])
    })

    test('when it is killed: what ran is lost, what had ended is still known, what waited is not', async () => {
      const { cell, told, run } = await given(capacityOf(1))
      run('a.1', { does: 'exit', code: 5 })
      await cell.until(() => told.end('a.1') !== undefined)
      run('b.1', { does: 'sleep' })
      run('c.1', { does: 'exit', code: 0 })
      await cell.until(() => told.started('b.1') !== undefined)
      await cell.kill()
      await cell.until(() => told.closed !== null)
      expect(told.closed).toBe(true)
      await cell.restart()
      const again = await Told.by(cell)
      await cell.until(() => again.end('a.1') !== undefined && again.end('b.1') !== undefined)
      expect(again.end('a.1')?.exitCode).toBe(5)
      expect(again.end('b.1')).toMatchObject({ cause: 'lost', exitCode: null, signal: null })
      expect(again.supervisor.hello.attempts.map(({ attemptId }) => attemptId).sort()).toEqual(['a.1', 'b.1'])
    })

    test('shutdown with killAll ends everything, cause lost, and it leaves', async () => {
      const { cell, told, supervisor, run } = await given()
      run('a.1', { does: 'sleep' })
      await cell.until(() => told.started('a.1') !== undefined)
      const gone = supervisor.shutdown(true)
      await cell.until(() => told.end('a.1') !== undefined)
      expect(told.end('a.1')).toMatchObject({ cause: 'lost' })
      supervisor.forget(['a.1'])
      await gone
      await cell.until(() => told.closed !== null)
    })
  })
}
