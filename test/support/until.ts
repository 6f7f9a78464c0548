/** Waiting for what has no signal of its own. */

/** Waits until a condition holds, asking again and again; fails with what it was after a generous limit. */
export const until = async <T>(what: string, ask: () => T | Promise<T>, limitMs = 60_000): Promise<NonNullable<T>> => {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`Not within ${limitMs} ms: ${what}`)
    await new Promise((done) => setImmediate(done))
    await pause(5)
  }
}

/** The only pause of the tests: between two looks at something that has no signal of its own. */
const pause = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms))
