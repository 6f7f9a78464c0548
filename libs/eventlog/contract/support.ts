/** What the contract's tests are written with: a cell a test, collectors that can be waited on, short messages. */
import { onTestFinished } from 'vitest'
import { subjectsOf } from '#schemas'
import type { CellMaker } from '../contract.ts'
import type { Broker, LogMessage, OutgoingMessage } from '../port.ts'

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Compares quickly: the test runner's own comparison takes a second for a megabyte. */
export const sameBytes = (a: Uint8Array | null | undefined, b: Uint8Array): boolean =>
  a != null && Buffer.compare(a, b) === 0

/** A fresh cell with one broker, gone when the test is over. */
export const cellForTest = async (makeCell: CellMaker) => {
  const cell = await makeCell()
  onTestFinished(() => cell.dispose())
  const subjects = subjectsOf(cell.namespace)
  /** A submit of job n: one subject each. */
  const message = (n: number | string, text = `text ${n}`): OutgoingMessage => ({
    subject: subjects.job(`job${n}`, 'submitted'),
    id: `job${n}/submitted`,
    bytes: encode(text),
  })
  const broker: Broker = await cell.connect('first')
  const appendMany = (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from + 1 }, (_, index) => broker.log.append(message(from + index))))
  return { cell, subjects, broker, message, appendMany }
}

/** Gathers what a handler gets; `until` resolves when the condition holds, rejects when the source ended before. */
export class Gathered<T> {
  readonly items: T[] = []
  readonly #waiting = new Set<() => void>()

  add = (...items: readonly T[]): void => {
    this.items.push(...items)
    for (const check of [...this.#waiting]) check()
  }

  until(condition: (items: readonly T[]) => boolean, ended?: Promise<unknown>): Promise<readonly T[]> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!condition(this.items)) return
        this.#waiting.delete(check)
        resolve(this.items)
      }
      this.#waiting.add(check)
      ended?.then(
        () => reject(new Error('It ended before.')),
        (error) => reject(error),
      )
      check()
    })
  }

  count(count: number, ended?: Promise<unknown>): Promise<readonly T[]> {
    return this.until((items) => items.length >= count, ended)
  }
}

/** Follows LOG into a collector. */
export const gatherLog = (broker: Broker, from: number) => {
  const gathered = new Gathered<LogMessage>()
  const caughtUp = new Gathered<number>()
  const follow = broker.log.follow({
    from,
    onMessages: (messages) => gathered.add(...messages),
    onCaughtUp: () => caughtUp.add(gathered.items.length),
  })
  follow.closed.catch(() => {})
  return { gathered, caughtUp, follow }
}

export const sequencesOf = (messages: readonly LogMessage[]): number[] => messages.map(({ sequence }) => sequence)
export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
