/** Reasons and limits as Markdown tables. Pure; the limits' reasons are the comments in limits.ts itself. */
import { limits, timing } from '../limits.ts'
import { reasons } from '../reasons.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A Markdown table; a sentence instead when there is nothing in it. */
export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  if (rows.length === 0) return 'No fields.'
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export const reasonsTable = (): string =>
  [
    '# Reasons',
    'Made by `npm run generate` from `schemas/reasons.ts`; do not edit. Every decision carries one of these codes, and a text of its own only where that says more.',
    markdownTable(
      ['code', 'sentence'],
      Object.entries(reasons).map(([code, sentence]) => [`\`${code}\``, sentence]),
    ),
    '',
  ].join('\n\n')

/** Name → the comment that stands above it in the source. */
export const commentsOf = (source: string): Map<string, string> => {
  const found = new Map<string, string>()
  for (const [, comment, name] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\n\s*([A-Za-z]\w*):/g))
    found.set(
      name!,
      comment!
        .replace(/^\s*\*/gm, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
  return found
}

const units: readonly (readonly [ending: RegExp, per: readonly (readonly [number, string])[]])[] = [
  [
    /Ms(Max|Default)?$/,
    [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1000, 's'],
    ],
  ],
  [
    /Bytes(Max)?$/,
    [
      [2 ** 30, 'GiB'],
      [2 ** 20, 'MiB'],
      [2 ** 10, 'KiB'],
    ],
  ],
]

/** `65536` of a `…BytesMax` → `64 KiB`; '' where no larger unit goes into it. */
const inWords = (name: string, value: number): string => {
  const per = units.find(([ending]) => ending.test(name))?.[1] ?? []
  const fitting = per.find(([size]) => value >= size && value % size === 0)
  return fitting ? `${value / fitting[0]} ${fitting[1]}` : ''
}

const rowsOf = (values: Readonly<Record<string, number>>, comments: ReadonlyMap<string, string>): string[][] =>
  Object.entries(values).map(([name, value]) => [
    `\`${name}\``,
    String(value),
    inWords(name, value),
    comments.get(name) ?? '',
  ])

export const limitsTable = (source: string): string => {
  const comments = commentsOf(source)
  const head = ['name', 'value', 'that is', 'reason']
  return [
    '# Limits',
    'Made by `npm run generate` from `schemas/limits.ts`; do not edit. Nothing in Millrace grows without a bound. Units stand last in each name.',
    markdownTable(head, rowsOf(limits, comments)),
    '## Liveness',
    markdownTable(head, rowsOf(timing, comments)),
    '',
  ].join('\n\n')
}
