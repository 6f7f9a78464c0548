import { expect, test } from 'vitest'
import { capacityOf, requestOf, type SupervisorCell, supervisorContract, Told } from './contract.testing.ts'
import { FakeSupervisorProcess } from './fake.ts'
import type { StartRequest } from './port.ts'

const behave = ({ command: [does, argument, stdout] }: StartRequest) => {
  switch (does) {
    case 'exit':
      return { kind: 'runs', forMs: 10, exitCode: Number(argument), stdout: stdout ?? '' } as const
    case 'die':
      return { kind: 'runs', forMs: 10, signal: argument! } as const
    case 'not-exist':
      return { kind: 'fails-to-start', code: 'ENOENT', message: 'no such command' } as const
    default:
      return { kind: 'runs', forMs: null, deaf: does === 'ignore-term' } as const
  }
}

const cellOf = (process: FakeSupervisorProcess): SupervisorCell => ({
  connect: async (events) => process.connect(events),
  commandFor: (program) =>
    program.does === 'exit'
      ? ['exit', String(program.code), program.stdout ?? '']
      : program.does === 'die'
        ? ['die', program.signal]
        : [program.does],
  until: async (holds) => {
    for (let step = 0; step < 1000; step++) {
      await Promise.resolve()
      if (holds()) return
      process.advance(10)
    }
    throw new Error('It never came to hold.')
  },
  kill: async () => process.kill(),
  restart: async () => process.restart(),
  dispose: async () => {},
})

supervisorContract(async ({ capacity }) => cellOf(new FakeSupervisorProcess(behave, capacity)))

test('virtual time: a year passes at once', async () => {
  const process = new FakeSupervisorProcess(behave, capacityOf(1))
  const told = await Told.by(cellOf(process))
  told.supervisor.start([requestOf('a.1', ['sleep'], { timeoutMs: 365 * 24 * 3600 * 1000 })])
  process.advance(365 * 24 * 3600 * 1000 - 1)
  expect(told.end('a.1')).toBeUndefined()
  process.advance(1)
  expect(told.end('a.1')).toMatchObject({ cause: 'timeout', usage: { wallMs: 365 * 24 * 3600 * 1000 } })
})
