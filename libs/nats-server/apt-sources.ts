/**
 * Reads a Debian machine's own apt sources, to learn which mirror of the Debian archive it uses and whose key signs it.
 * Must never name a host of its own: whatever is fetched comes from where the machine's owner already fetches.
 * Formats: sources.list(5), one-line and deb822.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One source of binary packages. */
export interface AptSource {
  uris: string[]
  suites: string[]
  components: string[]
  /** As it stands in the source: a path, a fingerprint, or a whole key block with its line breaks. */
  signedBy?: string
}

/** All enabled sources of binary packages of a machine, `folder` being its `/etc/apt`. */
export async function readAptSources(folder: string): Promise<AptSource[]> {
  const parts = join(folder, 'sources.list.d')
  const names = (await readdir(parts).catch(() => [])).sort().map((name) => join(parts, name))
  const sources: AptSource[] = []
  for (const path of [join(folder, 'sources.list'), ...names]) {
    const text = await readFile(path, 'utf8').catch(() => '')
    if (path.endsWith('.list')) sources.push(...parseOneLineSources(text))
    else if (path.endsWith('.sources')) sources.push(...parseDeb822Sources(text))
  }
  return sources
}

/** Parses `deb [options] uri suite component…` lines. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line): AptSource[] => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.replace(/#.*$/, '').trim())
    if (!match) return []
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(match[1] ?? '')?.[1]
    const components = words(match[4])
    return [{ uris: [match[2]!], suites: [match[3]!], components, ...(signedBy ? { signedBy } : {}) }]
  })
}

/** Parses deb822 stanzas (`Types:`, `URIs:`, `Suites:` …); disabled and source-only ones are left out. */
export function parseDeb822Sources(text: string): AptSource[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  return lines
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza): AptSource[] => {
      const fields = stanzaFields(stanza)
      if (!words(fields.get('types')).includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) return []
      const signedBy = fields.get('signed-by')
      return [
        {
          uris: words(fields.get('uris')),
          suites: words(fields.get('suites')),
          components: words(fields.get('components')),
          ...(signedBy ? { signedBy } : {}),
        },
      ]
    })
}

/**
 * Of a machine's sources, the one that is the Debian archive: it offers `main` of the machine's own release. A vendor's
 * repository may use the same words, so one that looks like the archive by path or key goes first.
 */
export function debianArchiveOf(sources: AptSource[], codename: string | undefined): AptSource | undefined {
  const suites = new Set([codename, 'stable', 'testing', 'unstable', 'sid'])
  const fitting = sources.filter(
    (source) =>
      source.uris.length > 0 &&
      source.components.includes('main') &&
      source.suites.some((suite) => suites.has(suite)) &&
      likeness(source) > 0,
  )
  return fitting.sort((left, right) => likeness(right) - likeness(left))[0]
}

function likeness(source: AptSource): number {
  const byPath = source.uris.some((uri) => /\/debian\/?$/.test(uri)) ? 2 : 0
  const byKey = source.signedBy?.includes('debian-archive') ? 1 : 0
  return byPath + byKey
}

function stanzaFields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>()
  let last = ''
  for (const line of stanza.split('\n')) {
    const match = /^([A-Za-z][\w-]*):\s*(.*)$/.exec(line)
    if (match) {
      last = match[1]!.toLowerCase()
      fields.set(last, match[2]!.trim())
    } else if (last !== '' && /^\s/.test(line)) {
      fields.set(last, `${fields.get(last)}\n${line}`.trim())
    }
  }
  return fields
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '')
}
