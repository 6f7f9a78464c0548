/** Aligned tables for people. Widths are those of a terminal (wide characters count two, colours nothing). Pure. */
import stringWidth from 'string-width'

export type Column = { title: string; right?: boolean }

const gap = '  '

/** Lines without their ends. Cells are shown on one line: control characters in them are replaced. */
export const table = (columns: readonly Column[], rows: readonly (readonly string[])[]): string[] => {
  const all = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, n) => Math.max(...all.map((row) => stringWidth(row[n] ?? ''))))
  return all.map((row) =>
    columns
      .map(({ right }, n) => padded(row[n] ?? '', widths[n]!, right ?? false))
      .join(gap)
      .trimEnd(),
  )
}

const padded = (text: string, width: number, right: boolean): string => {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return right ? space + text : text + space
}

/** Labels and values, the values aligned. Values of several lines are indented. */
export const fields = (pairs: readonly (readonly [string, string])[]): string[] => {
  const width = Math.max(0, ...pairs.map(([label]) => stringWidth(label)))
  return pairs.flatMap(([label, value]) =>
    value.split('\n').map((line, n) => `${padded(n === 0 ? label : '', width, false)}${gap}${line}`.trimEnd()),
  )
}

/** Text of others made safe for a terminal: no control characters, no line breaks. */
export const safe = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    character === '\n' ? '⏎' : character === '\t' ? ' ' : '�',
  )

/** Cuts to a width, with … at the end. */
export const cut = (text: string, width: number): string => {
  if (stringWidth(text) <= width) return text
  let result = ''
  for (const character of text) {
    if (stringWidth(result + character) >= width) return `${result}…`
    result += character
  }
  return result
}
