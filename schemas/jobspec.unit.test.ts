import { Value } from '@sinclair/typebox/value'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JobSpec, normaliseSpec, specFaults } from './jobspec.ts'
import { limits, timing } from './limits.ts'

const fits = (spec: unknown): spec is JobSpec => Value.Check(JobSpec, spec)
/** Pointers of what is wrong with a spec: from its schema, else from specFaults. */
const faultsOf = (spec: unknown): string[] =>
  fits(spec) ? specFaults(spec).map(({ pointer }) => pointer) : [...Value.Errors(JobSpec, spec)].map(({ path }) => path)

describe('normaliseSpec', () => {
  test('fills in every default', () => {
    expect(normaliseSpec({ command: ['gp', '-q'] })).toEqual({
      command: ['gp', '-q'],
      name: 'gp',
      queue: 'default',
      priority: 0,
      resources: { cpuMilli: 1000, memoryBytes: 0, custom: {} },
      host: null,
      timeoutMs: null,
      graceMs: limits.graceMsDefault,
      retry: { max: 0, initialMs: 1_000, factor: 2, longestMs: 300_000, jitter: 0.2 },
      onDisconnect: 'wait',
      lostAfterMs: timing.lostAfterMsDefault,
      onLost: 'retry',
      env: {},
      cwd: null,
      stdin: null,
    })
  })

  test('reads quantities in both forms', () => {
    const asText = normaliseSpec({
      command: ['x'],
      cpus: 0.25,
      memory: '1GiB',
      timeout: '5m',
      grace: '0',
      lostAfter: '1.5s',
      retries: { max: 3, initial: '2s', longest: '1m', factor: 3, jitter: 0 },
    })
    const asNumbers = normaliseSpec({
      command: ['x'],
      cpus: 0.25,
      memory: 2 ** 30,
      timeout: 300_000,
      grace: 0,
      lostAfter: 1_500,
      retries: { max: 3, initial: 2_000, longest: 60_000, factor: 3, jitter: 0 },
    })
    expect(asText).toEqual(asNumbers)
    expect(asText.resources).toEqual({ cpuMilli: 250, memoryBytes: 2 ** 30, custom: {} })
    expect(asText.retry).toEqual({ max: 3, initialMs: 2_000, factor: 3, longestMs: 60_000, jitter: 0 })
  })

  test.each([
    [0, 0],
    [0.0001, 1],
    [0.001, 1],
    [1.1, 1100],
    [100_000, 100_000_000],
  ])('%d CPUs are %d thousandths', (cpus, cpuMilli) => {
    expect(normaliseSpec({ command: ['x'], cpus }).resources.cpuMilli).toBe(cpuMilli)
  })

  test('retries as a number keeps the default back-off', () => {
    expect(normaliseSpec({ command: ['x'], retries: 4 }).retry).toMatchObject({ max: 4, initialMs: 1_000, factor: 2 })
  })

  test('gives whole, finite, bounded numbers for every sound spec', () => {
    const quantity = fc.oneof(fc.nat(), fc.constantFrom('0', '1ms', '0.4ms', '3s', '366d', '1.0001h'))
    const spec = fc.record(
      {
        command: fc.array(fc.string(), { minLength: 1, maxLength: 4 }),
        cpus: fc.double({ min: 0, max: 100_000, noNaN: true }),
        memory: fc.oneof(fc.nat(), fc.constantFrom('1.3KiB', '7T', '0')),
        timeout: quantity,
        grace: quantity,
        lostAfter: quantity,
        retries: fc.oneof(
          fc.nat({ max: 1000 }),
          fc.record({ max: fc.nat({ max: 9 }), initial: quantity, longest: quantity }),
        ),
      },
      { requiredKeys: ['command'] },
    )
    fc.assert(
      fc.property(spec, (candidate) => {
        if (!fits(candidate) || specFaults(candidate).length > 0) return
        const { resources, timeoutMs, graceMs, lostAfterMs, retry } = normaliseSpec(candidate)
        for (const amount of [resources.cpuMilli, resources.memoryBytes, timeoutMs ?? 0, graceMs, lostAfterMs])
          expect(Number.isSafeInteger(amount) && amount >= 0).toBe(true)
        expect(Number.isSafeInteger(retry.initialMs) && Number.isSafeInteger(retry.longestMs)).toBe(true)
        expect(graceMs).toBeLessThanOrEqual(limits.graceMsMax)
      }),
      { numRuns: 500 },
    )
  })
})

describe('faults name their place', () => {
  const command = ['true']
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, value]))
  test.each<[string, unknown, string]>([
    ['no command', {}, '/command'],
    ['an empty command', { command: [] }, '/command'],
    ['an empty program', { command: [''] }, '/command/0'],
    ['a NUL in an argument', { command: ['x', 'a\0b'] }, '/command/1'],
    ['a NUL in the folder', { command, cwd: '/tmp\0' }, '/cwd'],
    ['a NUL in a variable', { command, env: { A: '\0' } }, '/env/A'],
    ['a variable that is no name', { command, env: { '1 A': 'x' } }, '/env/1 A'],
    ['a variable that is no name with a number', { command, env: { 'A=B': 5 } }, '/env/A=B'],
    ['a variable that is no text', { command, env: { A: 5 } }, '/env/A'],
    ['a resource name in capitals', { command, resources: { GPU: 1 } }, '/resources/GPU'],
    ['a resource that every object inherits', { command, resources: { constructor: 1 } }, '/resources/constructor'],
    ['half a resource', { command, resources: { gpu: 0.5 } }, '/resources/gpu'],
    ['a label with a line break', { command, labels: { 'a\nb': 'x' } }, '/labels/a\nb'],
    ['a label with an equals sign', { command, labels: { 'a=b': 'x' } }, '/labels/a=b'],
    ['a label without a name', { command, labels: { '': 'x' } }, '/labels/'],
    ['too many labels', { command, labels: many(limits.labelsMax + 1, 'x') }, '/labels'],
    ['an unknown field', { command, timeOut: 5 }, '/timeOut'],
    ['a prototype', JSON.parse('{"command":["true"],"__proto__":{"cpus":1}}'), '/__proto__'],
    ['a time limit over a year', { command, timeout: '367d' }, '/timeout'],
    ['a grace over five minutes', { command, grace: '6m' }, '/grace'],
    ['a first back-off over a year', { command, retries: { max: 1, initial: '9999d' } }, '/retries/initial'],
    ['a longest back-off over a year', { command, retries: { max: 1, longest: '9999d' } }, '/retries/longest'],
    ['a memory beyond counting', { command, memory: '9999999TiB' }, '/memory'],
    ['a memory beyond counting as a number', { command, memory: 1e300 }, '/memory'],
    ['a queue with a dot', { command, queue: 'a.b' }, '/queue'],
    ['a host with a wildcard', { command, host: '*' }, '/host'],
  ])('%s', (_, spec, pointer) => {
    expect(faultsOf(spec)).toContain(pointer)
  })

  test.each([
    { command, labels: { 'team/área 1': 'x' } },
    { command, env: { PATH: '/bin', _X1: '' } },
    { command, resources: { 'license.magma': 1 } },
    { command: ['sh', '-c', 'echo "ä"\n'] },
  ])('%j is sound', (spec) => {
    expect(faultsOf(spec)).toEqual([])
  })
})
