/** Medians, percentiles and the table. */
export const percentile = (values: readonly number[], p: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN
}
export const median = (values: readonly number[]): number => percentile(values, 50)
export const round = (value: number, digits = 0): number => Number(value.toFixed(digits))

/** `median [min..max]` */
export const spread = (values: readonly number[], digits = 0): string =>
  `${round(median(values), digits)} [${round(Math.min(...values), digits)}..${round(Math.max(...values), digits)}]`

export type Row = { what: string; value: string; goal?: string }

export const table = (title: string, rows: readonly Row[]): string => {
  const width = Math.max(...rows.map(({ what }) => what.length))
  const valueWidth = Math.max(...rows.map(({ value }) => value.length))
  const lines = rows.map(
    ({ what, value, goal }) => `  ${what.padEnd(width)}  ${value.padEnd(valueWidth)}${goal ? `  goal ${goal}` : ''}`,
  )
  return `\n${title}\n${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
