/** `npm run generate`: writes `schemas/generated/` anew and takes away what is no longer made. Starts nothing else. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles, openApiFile } from './files.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = join(root, 'schemas/generated')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const files = generatedFiles({ version, limitsSource: readFileSync(join(root, 'schemas/limits.ts'), 'utf8') })

mkdirSync(folder, { recursive: true })
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name)
  const name = relative(folder, path)
  if (entry.isFile() && name !== openApiFile && !files.has(name)) rmSync(path)
}
for (const [name, text] of files) {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), text)
}
process.stdout.write(`schemas/generated: ${files.size} files written\n`)
