/**
 * `npm test`: types, style, then every tier that needs no extra package. Prints the plain closing line
 * `N passed, N failed` last, so that people and machines read the same thing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

const run = async (title: string, command: string, args: string[]): Promise<boolean> => {
  process.stdout.write(`\n— ${title}\n`)
  const { exitCode } = await execa(command, args, { stdio: 'inherit', reject: false, preferLocal: true })
  return exitCode === 0
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const results = join(folder, 'results.json')
const checks = [
  await run('types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']),
  await run('style', 'biome', ['check', '--error-on-warnings', '.']),
]
const tests = await run('tests', 'vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${results}`,
  ...process.argv.slice(2),
])
let passed = checks.filter(Boolean).length
let failed = checks.length - passed
try {
  const counted = JSON.parse(readFileSync(results, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numFailedTestSuites: number
  }
  passed += counted.numPassedTests
  failed += counted.numFailedTests
} catch {
  process.stdout.write('The test runner left no results.\n')
}
// A file that could not even be loaded counts no failed test, but the runner's exit code tells.
if (!tests && failed === 0) failed = 1
rmSync(folder, { recursive: true, force: true })
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
