/**
 * Style is a test. Each rule lists what breaks it as `path:line: what is wrong: what to do`. Only files are read: tracked,
 * or untracked and not ignored. The rules themselves are tried on small samples, so that none is blind.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { wrongImports } from './tidy/arrows.ts'
import { unknownEvents } from './tidy/events.ts'
import { type CodeFile, codeFiles, files, root } from './tidy/files.ts'
import {
  emptyNamed,
  foreignPaths,
  headings,
  longFiles,
  looseVersions,
  registryHosts,
  withoutHeader,
} from './tidy/form.ts'
import { badTestHabits, impurities } from './tidy/purity.ts'
import { importsOf, scan } from './tidy/source.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

describe('the house', () => {
  test('there is something to look at', () => {
    expect(codeFiles.length).toBeGreaterThan(50)
    expect(files.some(({ path }) => path.endsWith('.md'))).toBe(true)
  })

  test('the scanner keeps its place in every file: braces come out even', () => {
    const uneven = codeFiles.filter(({ source: { code } }) => code.split('{').length !== code.split('}').length)
    expect(uneven.map(({ path }) => path)).toEqual([])
  })

  test.each<[string, () => string[]]>([
    ['files are short', longFiles],
    ['every file says what it is for', withoutHeader],
    ['imports point one way', wrongImports],
    ['the core and the brain are pure', impurities],
    ['names say something', emptyNamed],
    ['tests neither sleep nor leave others out', badTestHabits],
    ['every event is known everywhere', unknownEvents],
    ['every page has one title', headings],
    ['no path of a machine', foreignPaths],
    ['versions are exact', () => looseVersions(JSON.parse(read('package.json')))],
    ['no registry is named', () => registryHosts(read('package-lock.json'), read('.npmrc'))],
  ])('%s', (_, violations) => {
    expect(violations()).toEqual([])
  })
})

const sample = (path: string, text: string): CodeFile => {
  const source = scan(text)
  return { path, text, source, imports: importsOf(source) }
}

describe('the rules see what they are for', () => {
  test.each<[string, string]>([
    ['schemas/x.ts', "import { x } from '#domain'"],
    ['schemas/x.ts', "import { x } from 'node:fs'"],
    ['schemas/x.unit.test.ts', "import { x } from '../test/support/cell.ts'"],
    ['libs/domain/x.ts', "import { x } from '#store'"],
    ['libs/domain/job/x.ts', "const x = await import('node:crypto')"],
    ['libs/store/x.ts', "import type { x } from '#eventlog'"],
    ['libs/store/x.ts', "import { x } from '../../schemas/index.ts'"],
    ['libs/client/x.ts', "export * from '../../services/gateway/index.ts'"],
    ['libs/nats-server/x.ts', "import { connect } from '@nats-io/transport-node'"],
    ['libs/runtime/x.ts', "import Database from 'better-sqlite3'"],
    ['libs/eventlog/port.ts', "import { x } from '@nats-io/jetstream'"],
    ['services/cli/x.ts', "import { x } from '../gateway/index.ts'"],
    ['services/cli/x.int.test.ts', "import { x } from '../gateway/index.ts'"],
    ['services/cli/x.ts', "import { x } from '../../libs/store/index.ts'"],
    ['services/agent/brain/x.ts', "import { readFileSync } from 'node:fs'"],
  ])('%s: %s', (path, text) => {
    expect(wrongImports([sample(path, text)])).not.toEqual([])
  })

  test.each<[string, string]>([
    ['schemas/x.ts', "import { Type } from '@sinclair/typebox'\nimport { y } from './y.ts'"],
    ['libs/domain/job/x.ts', "import type { Event } from '#schemas'\nimport { y } from '../hash.ts'"],
    ['libs/domain/x.unit.test.ts', "import { TestCell } from '../../test/support/cell.ts'"],
    ['libs/client/x.ts', "import { connectBroker } from '#eventlog'"],
    ['libs/eventlog/jetstream/x.ts', "import { connect } from '@nats-io/transport-node'"],
    ['libs/eventlog/x.int.test.ts', "import { natsServerForTests } from '#nats-server'"],
    ['services/cli/service-commands.ts', "await import('../gateway/main.ts')"],
    ['services/cli/x.ts', "const text = `import { x } from '../gateway/index.ts'` // import '#domain'"],
    ['test/x.int.test.ts', "import { connect } from '@nats-io/transport-node'"],
  ])('and no more than that: %s: %s', (path, text) => {
    expect(wrongImports([sample(path, text)])).toEqual([])
  })

  test('purity looks at code, not at what is said of it', () => {
    const impure = [
      'Date.now()',
      'new Date()',
      'Math.random()',
      'performance.now()',
      'setTimeout(f, 1)',
      'await x',
      'process.env',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of source
      '`${Date.now()}`',
      'x / 2; Date.now() / 3',
    ]
    for (const text of impure) expect(impurities([sample('libs/domain/x.ts', text)]), text).not.toEqual([])
    const pure = [
      "'await Date.now()'",
      '// await\n/* Math.random() */',
      'new Date(0)',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of source
      '`Date.now() ${x} await`',
      '/await "/.test(x)',
    ]
    for (const text of pure) expect(impurities([sample('libs/domain/x.ts', text)]), text).toEqual([])
    expect(impurities([sample('libs/store/x.ts', 'await Date.now()')])).toEqual([])
  })

  test('sleeps and lone tests', () => {
    const bad = [
      'await sleep(5)',
      'new Promise((resolve) => setTimeout(resolve, 5))',
      'new Promise<void>((r) => { setTimeout(r, 5) })',
      'await new Promise((go) => {\n  setTimeout(go, 5)\n})',
      'new Promise((done) => void setTimeout(() => done(), 5))',
      "import { setTimeout } from 'node:timers/promises'",
      'test.only("x", f)',
      'describe.concurrent.only("x", f)',
    ]
    for (const text of bad) expect(badTestHabits([sample('libs/x/x.unit.test.ts', text)]), text).not.toEqual([])
    const good = [
      "run('sleep', ['5'])",
      "const command = ['sh', '-c', 'sleep (5)']",
      'setTimeout(() => fail(), limitMs)',
    ]
    for (const text of good) expect(badTestHabits([sample('libs/x/x.unit.test.ts', text)]), text).toEqual([])
  })

  test('headers, names, titles, paths, versions, registries', () => {
    expect(withoutHeader([{ path: 'libs/x/x.ts', text: "import 'x'\n/** late */" }])).toHaveLength(1)
    expect(withoutHeader([{ path: 'libs/x/x.ts', text: '#!/usr/bin/env node\n/** For x. */' }])).toEqual([])
    expect(
      emptyNamed(['libs/utils/x.ts', 'libs/x/job-manager.ts', 'libs/x/common.ts', 'libs/x/community.ts']),
    ).toHaveLength(3)
    expect(headings([{ path: 'x.md', text: '# A\n```\n# no\n```\n# B' }])).toHaveLength(1)
    expect(headings([{ path: 'x.md', text: '# A\n~~~sh\n# no\n~~~\n## B' }])).toEqual([])
    const folder = ['', 'work', 'main'].join('/')
    expect(foreignPaths([{ path: 'x.md', text: `see ${folder}/x` }])).toHaveLength(1)
    expect(foreignPaths([{ path: 'x.md', text: `see ./fine${folder}/x and /workers/` }])).toEqual([])
    expect(looseVersions({ dependencies: { a: '^1.0.0', b: '1.0.0', c: 'latest', d: '1.x' } })).toHaveLength(3)
    expect(registryHosts('"resolved": "https://registry.npmjs.org/x.tgz"', 'registry=https://x')).toHaveLength(2)
  })
})
