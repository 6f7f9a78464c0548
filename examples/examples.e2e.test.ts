import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startUp, type Up } from '../test/support/up.ts'

let up: Up
const folder = mkdtempSync(join(tmpdir(), 'millrace-examples-'))
beforeAll(async () => {
  up = await startUp()
})
afterAll(async () => {
  await up[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const example = (name: string, ...args: string[]) =>
  execa(process.execPath, [`dist/examples/${name}/main.js`, ...args], {
    env: { MILLRACE_URL: up.ready.url },
    reject: false,
  })

const has = (program: string) =>
  execa('sh', ['-c', `command -v ${program}`], { reject: false }).then(({ exitCode }) => exitCode === 0)

test('primes: 100 jobs count to the known 664,579', async ({ skip }) => {
  if (!(await has('python3'))) skip('python3 is not installed')
  const run = await example('primes')
  expect(run.stderr).toBe('')
  expect(run.stdout).toContain('664,579 primes')
  expect(run.exitCode).toBe(0)
})

test('mandelbrot: a PNG picture, and the same as text', async ({ skip }) => {
  if (!(await has('python3'))) skip('python3 is not installed')
  const picture = join(folder, 'mandelbrot.png')
  const run = await example('mandelbrot', picture)
  expect(run.stderr).toBe('')
  expect(run.stdout).toContain('@@@@')
  const bytes = readFileSync(picture)
  expect(bytes.subarray(1, 4).toString()).toBe('PNG')
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([480, 320])
})

test('factor: with PARI/GP where it is installed, else it says that it is skipped', async () => {
  const run = await example('factor', '2^64+1')
  expect(run.exitCode).toBe(0)
  if (await has('gp')) {
    expect(run.stdout).toContain('274177')
    expect(run.stdout).toContain('67280421310721')
  } else expect(run.stdout).toContain('skipped')
})
