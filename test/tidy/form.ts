/** Form of files: length, header, names, headings, paths of somebody's machine, versions, lock file. */
import { codeFiles, type File, files, isGenerated, isTestCode, matches } from './files.ts'

const linesMax = 300
const counted = /\.(ts|mts|js|mjs|cjs|tsx|py|sh|c|h|css|html|conf|service)$/

export const longFiles = (): string[] =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
    return counted.test(path) && !isGenerated(path) && lines > linesMax
      ? [`${path}: ${lines} lines, the most is ${linesMax}; split it by topic`]
      : []
  })

/** The first thing in a file of the house says what it is for. A `#!` line may stand before it. */
export const withoutHeader = (among: readonly File[] = codeFiles): string[] =>
  among.flatMap(({ path, text }) =>
    /^(schemas|libs|services)\//.test(path) && !isTestCode(path) && !/^(#![^\n]*\n)?\s*\/[/*]/.test(text)
      ? [`${path}:1: no header comment (what it is for, what it must never do)`]
      : [],
  )

const emptyNames = new Set(['util', 'utils', 'utilities', 'helper', 'helpers', 'common', 'manager', 'managers', 'misc'])

export const emptyNamed = (paths: readonly string[] = files.map(({ path }) => path)): string[] =>
  paths.flatMap((path) =>
    path
      .split(/[/.\-_]/)
      .filter((word) => emptyNames.has(word.toLowerCase()))
      .map((word) => `${path}: "${word}" says nothing; name the file after what is in it`),
  )

export const headings = (among: readonly File[] = files): string[] =>
  among
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) => {
      const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
      const count = prose.match(/^# \S/gm)?.length ?? 0
      return count === 1 ? [] : [`${path}: ${count} headings of the first level, a page has one`]
    })

// Put together, so that this file does not hold what it looks for.
const machinePaths = new RegExp(
  `(?<![\\w.~-])/(?:${['work', 'root'].join('|')})/[\\w.-]*|(?<![\\w.~-])/(?:home|Users)/\\w[\\w.-]*/`,
  'g',
)

export const foreignPaths = (among: readonly File[] = files): string[] =>
  among.flatMap((file) => matches(file, file.text, machinePaths, (found) => `${found}: a path of somebody's machine`))

type Package = Partial<
  Record<'dependencies' | 'devDependencies' | 'optionalDependencies' | 'overrides', Record<string, unknown>>
>

export const looseVersions = (packageJson: Package): string[] =>
  (['dependencies', 'devDependencies', 'optionalDependencies', 'overrides'] as const).flatMap((group) =>
    Object.entries(packageJson[group] ?? {})
      .filter(([, version]) => typeof version !== 'string' || !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `package.json: ${group} ${name} is ${JSON.stringify(version)}, not one exact version`),
  )

export const registryHosts = (lock: string, npmrc: string): string[] => [
  ...[...lock.matchAll(/"resolved": "(\w+:\/\/[^/"]*)/g)].map(
    ([, host]) => `package-lock.json: names ${host} (npm's omit-lockfile-registry-resolved is off?)`,
  ),
  ...[...npmrc.matchAll(/^.*(registry=|_auth|:\/\/).*$/gm)].map(([line]) => `.npmrc: ${line}: whoever builds chooses`),
]
