/**
 * Durations and sizes as people write them (`500ms 10s 5m 2h 1d`, `64KiB 1GiB`) and as programs
 * count them (integer milliseconds, integer bytes). Both forms are accepted at every edge.
 */
import { Type } from '@sinclair/typebox'
import { limits } from './limits.ts'

export const durationPattern = '^(0|[0-9]+(\\.[0-9]+)?(ms|s|m|h|d))$'
export const sizePattern = '^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB|K|M|G|T)?$'

export const Duration = Type.Union(
  [Type.Integer({ minimum: 0, maximum: limits.durationMsMax }), Type.String({ pattern: durationPattern })],
  { description: 'Milliseconds as an integer, or text such as 500ms, 10s, 5m, 2h, 1d.' },
)
export const Size = Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: sizePattern })], {
  description: 'Bytes as an integer, or text such as 64KiB, 1GiB.',
})

const durationUnitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const sizeUnitBytes: Record<string, number> = {
  B: 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
}

/** Milliseconds of a duration; null when it isn't one or is longer than a year. */
export const durationMs = (value: number | string): number | null => {
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= 0 && value <= limits.durationMsMax ? value : null
  if (value === '0') return 0
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/.exec(value)
  if (!match) return null
  const ms = Math.round(Number(match[1]) * durationUnitMs[match[2]!]!)
  return ms <= limits.durationMsMax ? ms : null
}

/** Bytes of a size; null when it isn't one. */
export const sizeBytes = (value: number | string): number | null => {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null
  const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(value)
  const unit = match && (match[2] === '' ? 1 : sizeUnitBytes[match[2]!])
  if (!match || !unit) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : null
}
