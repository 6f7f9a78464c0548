/** Times, durations and sizes as people read them. Pure: `nowMs` is given. */

const units: [name: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** `1.2s`, `3m 20s`, `2d 4h`; `—` for null. */
export const durationText = (ms: number | null): string => {
  if (ms === null) return '—'
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`
  const first = units.findIndex(([, size]) => ms >= size)
  const [name, size] = units[first]!
  const rest = Math.floor((ms % size) / units[first + 1]![1])
  return `${Math.floor(ms / size)}${name}${rest > 0 ? ` ${rest}${units[first + 1]![0]}` : ''}`
}

/** `just now`, `12s ago`, `3h ago`; clocks that differ a little never give a time in the future. */
export const agoText = (time: string | null, nowMs: number): string => {
  if (time === null) return '—'
  const ms = nowMs - Date.parse(time)
  if (ms < 1000) return 'just now'
  const [name, size] = units.find(([, unit]) => ms >= unit)!
  return `${Math.floor(ms / size)}${name} ago`
}

const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export const sizeText = (bytes: number): string => {
  const step = bytes < 1024 ? 0 : Math.min(sizes.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${sizes[step]}`
}

export const cpuText = (milli: number): string => String(milli / 1000)

/** Time between two instants of RFC 3339; null when one is missing. */
export const betweenMs = (from: string | null, to: string | null): number | null =>
  from === null || to === null ? null : Date.parse(to) - Date.parse(from)
