/** Job files: JSON, YAML (one or several documents, or a list), NDJSON (one job a line). Says which job of a file is wrong. */
import { parseAllDocuments } from 'yaml'
import { ClientError } from '#client'
import type { JobDocument } from '#schemas'
import { textOf } from './flags.ts'

/** The documents of a file (`-`: standard input), unchecked. */
export const readJobFile = (file: string): JobDocument[] => parseJobs(textOf(file), file)

export const parseJobs = (text: string, file: string): JobDocument[] => {
  const found = file.endsWith('.yaml') || file.endsWith('.yml') ? parseYaml(text, file) : parseAny(text, file)
  const jobs = found.flatMap((document) => {
    const { jobs: many } = (document ?? {}) as { jobs?: unknown }
    return Array.isArray(many) ? many : Array.isArray(document) ? document : [document]
  })
  if (jobs.length === 0) throw refused(`${file} holds no job`)
  return jobs as JobDocument[]
}

const refused = (message: string) =>
  new ClientError('refused', message, { hint: 'Write a JobSpec as JSON or YAML, or one JSON document a line.' })

/** JSON as a whole; else one document a line; else (a `-` says nothing about its form) YAML. */
const parseAny = (text: string, file: string): unknown[] => {
  try {
    return [JSON.parse(text)]
  } catch (whole) {
    const lines = text.split('\n').flatMap((line, n) => (line.trim() === '' ? [] : [{ line, n: n + 1 }]))
    if (lines.length === 0) throw refused(`${file} is empty`)
    if (lines.length > 1 && lines[0]!.line.trimStart().startsWith('{') && isJson(lines[0]!.line)) {
      return lines.map(({ line, n }) => {
        try {
          return JSON.parse(line)
        } catch (error) {
          throw refused(`Line ${n} of ${file} is not JSON: ${(error as Error).message}`)
        }
      })
    }
    if (!/^\s*[{[]/.test(text)) return parseYaml(text, file)
    throw refused(`${file} is not JSON: ${(whole as Error).message}`)
  }
}

const isJson = (line: string): boolean => {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

const parseYaml = (text: string, file: string): unknown[] => {
  const documents = parseAllDocuments(text)
  if ('empty' in documents) return []
  return documents.map((document) => {
    const [error] = document.errors
    if (error) throw refused(`${file} is not YAML: ${error.message.split('\n')[0]}`)
    return document.toJS({ maxAliasCount: 100 }) as unknown
  })
}
