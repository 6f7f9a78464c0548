/** Small deterministic hashes: for seeded jitter and for telling two specs apart. Not for security. */

/** 53 bits of a text (two rounds of 32-bit FNV-1a with different seeds, mixed). */
export const hash53 = (text: string): number => {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x5bd1e995)
  }
  a = Math.imul(a ^ (a >>> 15), 0x85ebca6b) ^ b
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35) ^ a
  return (a >>> 0) * 0x200000 + ((b >>> 0) & 0x1fffff)
}

/** A number in [0, 1) that depends on the text alone. */
export const unitHash = (text: string): number => hash53(text) / 2 ** 53

/** JSON with sorted keys: equal documents give equal texts. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonicalJson(v)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
