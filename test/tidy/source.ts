/**
 * TypeScript text seen by the tidy test: comments and the insides of texts blanked, line by line in place, so that a
 * rule about code is not set off by a sentence about it. A scanner, no parser: it knows texts, templates, comments and
 * regular expressions.
 */
export type Source = {
  /** Comments blanked, texts kept: for imports. */
  readonly withTexts: string
  /** Comments and the insides of texts blanked. */
  readonly code: string
}

const afterValue = /[\w$)\]'"`}]$/
const wordsBeforeValue = /\b(return|typeof|case|of|in|await|void|delete|throw|else|do|yield|new|instanceof)$/

export const scan = (text: string): Source => {
  const code: string[] = []
  const withTexts: string[] = []
  /** Depth of braces at which each open template goes on. */
  const templates: number[] = []
  let braces = 0
  let at = 0
  const keep = (length: number) => {
    code.push(text.slice(at, at + length))
    withTexts.push(text.slice(at, at + length))
    at += length
  }
  const blank = (length: number, isText: boolean) => {
    const part = text.slice(at, at + length)
    const spaces = part.replace(/[^\n]/g, ' ')
    code.push(spaces)
    withTexts.push(isText ? part : spaces)
    at += length
  }
  /** Length from `at` up to and without the first of these characters that no backslash stands before. */
  const until = (ends: string): number => {
    let to = at
    while (to < text.length && !ends.includes(text[to]!) && !(ends === '`' && text.startsWith('${', to)))
      to += text[to] === '\\' ? 2 : 1
    return Math.min(to, text.length) - at
  }
  const template = () => {
    blank(until('`'), true)
    if (text[at] === '`') keep(1)
    else if (text.startsWith('${', at)) {
      templates.push(braces++)
      keep(2)
    }
  }
  while (at < text.length) {
    const char = text[at]!
    if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) blank(until('\n'), false)
    else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      blank((end < 0 ? text.length : end + 2) - at, false)
    } else if (char === "'" || char === '"') {
      keep(1)
      blank(until(`${char}\n`), true)
      if (at < text.length) keep(1)
    } else if (char === '`') {
      keep(1)
      template()
    } else if (char === '/' && startsRegExp(code)) regExp()
    else {
      if (char === '{') braces++
      if (char === '}' && --braces === templates.at(-1)) {
        templates.pop()
        keep(1)
        template()
      } else keep(1)
    }
  }
  return { withTexts: withTexts.join(''), code: code.join('') }

  function regExp(): void {
    keep(1)
    let to = at
    for (let inClass = false; to < text.length && text[to] !== '\n'; to++) {
      if (text[to] === '\\') to++
      else if (text[to] === '[') inClass = true
      else if (text[to] === ']') inClass = false
      else if (text[to] === '/' && !inClass) break
    }
    blank(to - at, true)
    if (text[at] === '/') keep(1)
  }
}

/** A slash after a value divides; elsewhere it starts a regular expression. */
const startsRegExp = (before: readonly string[]): boolean => {
  let tail = ''
  for (let n = before.length - 1; n >= 0 && tail.trimStart().length < 12; n--) tail = before[n]! + tail
  const trimmed = tail.trimEnd()
  return !afterValue.test(trimmed) || wordsBeforeValue.test(trimmed)
}

export type Import = { readonly line: number; readonly from: string; readonly isType: boolean }

const importForms =
  /\bimport\s+(type\s+)?(?:[\w$*{}\s,]+?\s+from\s+)?(['"])([^'"]+)\2|\bexport\s+(type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+(['"])([^'"]+)\5|\bimport\s*\(\s*(['"])([^'"]+)\7|\brequire\s*\(\s*(['"])([^'"]+)\9/g

/** Every module that a source names: static, re-exported, dynamic, required. */
export const importsOf = ({ withTexts, code }: Source): Import[] =>
  [...withTexts.matchAll(importForms)]
    // What only looks like an import inside a text is blank in the code.
    .filter(({ index }) => code[index] !== ' ')
    .map((match) => ({
      line: lineOf(withTexts, match.index),
      from: (match[3] ?? match[6] ?? match[8] ?? match[10])!,
      isType: Boolean(match[1] ?? match[4]),
    }))

export const lineOf = (text: string, index: number): number => {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}
