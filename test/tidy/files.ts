/** The files that the tidy test looks at: tracked, or untracked and not ignored. Read once. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Import, importsOf, lineOf, type Source, scan } from './source.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export type File = { readonly path: string; readonly text: string }
export type CodeFile = File & { readonly source: Source; readonly imports: readonly Import[] }

/** Names and endings of .gitignore (it holds no deeper patterns), for a checkout without git or one that git distrusts. */
const walk = (): string[] => {
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean)
  const isIgnored = (path: string) =>
    ignored.some((line) =>
      line.startsWith('*.') ? path.endsWith(line.slice(1)) : `/${path}/`.includes(`/${line.replace(/\/?$/, '/')}`),
    )
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.name === '.git' || isIgnored(path)) return []
      return entry.isDirectory() ? below(path) : [path]
    })
  return below('')
}

const listed = (): string[] => {
  try {
    return execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\0')
      .filter(Boolean)
  } catch {
    return walk()
  }
}

/** Text files only: what holds a NUL byte is none. A file that is listed and gone (a change under way) is left out. */
const readAll = (): File[] =>
  [...new Set(listed())].sort().flatMap((path) => {
    const found = statSync(join(root, path), { throwIfNoEntry: false })
    if (!found?.isFile()) return []
    const text = readFileSync(join(root, path), 'utf8')
    return text.includes('\0') && !path.endsWith('.ts') ? [] : [{ path, text }]
  })

export const files: readonly File[] = readAll()

export const codeFiles: readonly CodeFile[] = files
  .filter(({ path }) => path.endsWith('.ts'))
  .map((file) => {
    const source = scan(file.text)
    return { ...file, source, imports: importsOf(source) }
  })

export const isGenerated = (path: string): boolean =>
  path.startsWith('schemas/generated/') || path === 'package-lock.json'

/** Tests and what only tests use: suites, fakes' scripts, support. */
export const isTestCode = (path: string): boolean =>
  /\.(test|testing|contract)\.ts$/.test(path) || /\/(testing|contract)(\/|\.ts$)/.test(path) || path.startsWith('test/')

/** `path:line: message` for each match of a pattern. */
export const matches = (file: File, text: string, pattern: RegExp, message: (found: string) => string): string[] =>
  [...text.matchAll(new RegExp(pattern, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`))].map(
    (match) => `${file.path}:${lineOf(text, match.index)}: ${message(match[0].trim())}`,
  )
