/**
 * How deep the brackets of a JSON text are nested, told from its bytes before anything parses it. JSON.parse takes
 * any depth, but printing, comparing or copying such a value overflows the stack of whoever does it next.
 */
const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** True when arrays and objects stand in each other more than `levelsMax` deep. Any bytes are fine; one pass. */
export const isNestedDeeper = (json: Uint8Array, levelsMax: number): boolean => {
  let levels = 0
  let inText = false
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]
    if (inText) {
      if (byte === backslash) at++
      else if (byte === quote) inText = false
    } else if (byte === quote) inText = true
    else if (byte === openBracket || byte === openBrace) {
      if (++levels > levelsMax) return true
    } else if (byte === closeBracket || byte === closeBrace) levels--
  }
  return false
}
