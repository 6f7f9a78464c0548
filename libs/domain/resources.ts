/** Arithmetic on resources. Integers only, so that every reader of the log comes to the same sums. */
import type { Resources } from '#schemas'

export const noResources = (): Resources => ({ cpuMilli: 0, memoryBytes: 0, custom: {} })

/** `a + factor × b`, as a new value; custom counts that come to 0 are dropped. */
export const addResources = (a: Resources, b: Resources, factor = 1): Resources => {
  let custom = a.custom
  for (const name in b.custom) {
    const sum = (custom[name] ?? 0) + factor * b.custom[name]!
    if (custom === a.custom) custom = { ...custom }
    if (sum === 0) delete (custom as Record<string, number>)[name]
    else (custom as Record<string, number>)[name] = sum
  }
  return { cpuMilli: a.cpuMilli + factor * b.cpuMilli, memoryBytes: a.memoryBytes + factor * b.memoryBytes, custom }
}

/** Whether `used + need ≤ factor × capacity` in every dimension. */
export const fits = (capacity: Resources, used: Resources, need: Resources, factor = 1): boolean => {
  if (need.cpuMilli > 0 && used.cpuMilli + need.cpuMilli > factor * capacity.cpuMilli) return false
  if (need.memoryBytes > 0 && used.memoryBytes + need.memoryBytes > factor * capacity.memoryBytes) return false
  for (const name in need.custom) {
    const amount = need.custom[name]!
    if (amount > 0 && (used.custom[name] ?? 0) + amount > factor * (capacity.custom[name] ?? 0)) return false
  }
  return true
}

/** A text that is equal for equal resources, whatever the order of the custom names. */
export const resourcesKey = (resources: Resources): string => {
  const custom = Object.keys(resources.custom).sort()
  const tail = custom.map((name) => `,${name}=${resources.custom[name]}`).join('')
  return `${resources.cpuMilli}c${resources.memoryBytes}m${tail}`
}
