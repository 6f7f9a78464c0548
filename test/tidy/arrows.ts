/**
 * Which way imports may point: services → libs → schemas; the core and the brain know no Node module; each outside
 * package that is dangerous to spread has one room. What a rule forbids is named in its message with the way out.
 */
import { type CodeFile, codeFiles, isTestCode } from './files.ts'
import type { Import } from './source.ts'

/** `libs/domain/job/x.ts` → `libs/domain`; `schemas/x.ts` → `schemas`; `test/…` → `test`. */
export const roomOf = (path: string): string => {
  const [top, second] = path.split('/')
  return (top === 'libs' || top === 'services') && second ? `${top}/${second}` : (top ?? '')
}

const roomOfAlias: Record<string, string> = { '#schemas': 'schemas' }
const targetOf = (file: CodeFile, { from }: Import): string | null => {
  if (from.startsWith('#')) return roomOfAlias[from] ?? `libs/${from.slice(1)}`
  if (!from.startsWith('.')) return null
  return roomOf(new URL(from, `file:///${file.path}`).pathname.slice(1))
}

/** What a room's own code may import besides itself. Tests may also use other libs and test/support. */
const allowed = (room: string): ((target: string) => boolean) => {
  if (room === 'schemas') return () => false
  if (room === 'libs/client')
    return (target) => target === 'schemas' || (target.startsWith('libs/') && target !== 'libs/domain')
  if (room.startsWith('libs/')) return (target) => target === 'schemas'
  if (room.startsWith('services/')) return (target) => target === 'schemas' || target.startsWith('libs/')
  return () => true
}

const startsServices = 'services/cli/service-commands.ts'
const mayImport = (file: CodeFile, room: string, target: string): boolean => {
  if (target === room || allowed(room)(target)) return true
  if (file.path === startsServices) return target.startsWith('services/')
  if (!isTestCode(file.path)) return false
  if (room === 'schemas') return false
  return target === 'test' || target === 'schemas' || target.startsWith('libs/')
}

type Rule = (file: CodeFile, imported: Import) => string | null

const arrows: Rule = (file, imported) => {
  const room = roomOf(file.path)
  const target = targetOf(file, imported)
  if (target === null || !/^(schemas|libs|services)\b/.test(room) || mayImport(file, room, target)) return null
  return `${room} may not import ${target} (services → libs → schemas; ARCHITECTURE.md, code map)`
}

const throughAlias: Rule = (file, imported) => {
  const target = targetOf(file, imported)
  if (target === null || imported.from.startsWith('#') || target === roomOf(file.path)) return null
  if (!/^(libs\/|schemas$)/.test(target) || !/^(libs|services)\//.test(file.path)) return null
  const alias = `#${target.replace('libs/', '')}`
  // What tests of another room offer to tests only is not in its index.
  return isTestCode(file.path) ? null : `import ${target} through ${alias}, not by its path`
}

const withoutNode = /^(libs\/domain|services\/agent\/brain|schemas)\//
const noNodeModules: Rule = (file, { from }) => {
  const isGenerator = file.path === 'schemas/generate/main.ts'
  if (!withoutNode.test(file.path) || isTestCode(file.path) || isGenerator) return null
  if (/^(#|\.|@sinclair\/typebox)/.test(from)) return null
  return `${roomOf(file.path)} is pure: no ${from}`
}

const ports: Rule = (file, { from, isType }) =>
  /^libs\/[\w-]+\/port\.ts$/.test(file.path) && !(from === '#schemas' || (from.startsWith('./') && isType))
    ? `a port is types: it may import #schemas, and types of its own room, not ${from}`
    : null

const homes: readonly (readonly [packages: RegExp, home: RegExp, name: string])[] = [
  [/^(@nats-io\/|nats$|nats\.ws$)/, /^libs\/eventlog\//, 'libs/eventlog'],
  [/^better-sqlite3$/, /^libs\/store\//, 'libs/store'],
]
/** Tests and bench/ may speak as a foreign client does. */
const onePlace: Rule = (file, { from }) => {
  const spread = homes.find(([packages, home]) => packages.test(from) && !home.test(file.path))
  return spread && !isTestCode(file.path) && /^(schemas|libs|services|examples)\//.test(file.path)
    ? `only ${spread[2]} imports ${from}`
    : null
}

/** `path:line: message` for each import that points the wrong way. */
export const wrongImports = (among: readonly CodeFile[] = codeFiles): string[] =>
  among.flatMap((file) =>
    file.imports.flatMap((imported) =>
      [arrows, throughAlias, noNodeModules, ports, onePlace].flatMap((rule) => {
        const fault = rule(file, imported)
        return fault === null ? [] : [`${file.path}:${imported.line}: ${fault}`]
      }),
    ),
  )
