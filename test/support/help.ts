/** `npm run help`: every script of package.json with what it does. */
import { readFileSync } from 'node:fs'

const about: Record<string, string> = {
  build: 'compile TypeScript into dist/',
  start: 'build, start everything embedded, run a first job, keep serving (-- --once leaves afterwards)',
  test: 'build, check types and style, run every test tier that needs no extra package',
  check: 'types, style (biome) and the tidy test',
  format: 'let biome rewrite what it can',
  generate: 'write schemas/generated/ anew from the schemas',
  bench: 'measure throughput, latency and memory; prints a table and writes JSON',
  help: 'this list',
  'test:unit': 'only the fast tiers: unit and simulation',
  'test:real': 'only the tiers with real servers and processes',
}
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
const names = Object.keys(scripts).filter((name) => !/^(pre|post)/.test(name))
const width = Math.max(...names.map((name) => name.length))
for (const name of names) process.stdout.write(`npm run ${name.padEnd(width)}  ${about[name] ?? scripts[name]}\n`)
