/** Matching of NATS subjects: `*` stands for one token, `>` at the end for one or more. */

/** A test for subjects that match the filter. */
export const subjectFilter = (filter: string): ((subject: string) => boolean) => {
  if (!/[*>]/.test(filter)) return (subject) => subject === filter
  const wanted = filter.split('.')
  const open = wanted.at(-1) === '>'
  return (subject) => {
    const tokens = subject.split('.')
    if (open ? tokens.length < wanted.length : tokens.length !== wanted.length) return false
    return wanted.every(
      (token, index) => token === '*' || (token === '>' && index === wanted.length - 1) || token === tokens[index],
    )
  }
}
