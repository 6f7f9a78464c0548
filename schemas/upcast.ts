/**
 * Old forms of commits become today's, one step a version, before anything else looks at them. There is
 * one version so far; the first change of an event's form adds a step here and old logs keep working.
 */
type Raw = Record<string, unknown>

/** Version that a step reads → the step. */
const steps = new Map<number, (raw: Raw) => Raw>()

export const upcast = (raw: Raw): Raw => {
  let value = raw
  for (let step = steps.get(value['v'] as number); step; step = steps.get(value['v'] as number)) value = step(value)
  return value
}
