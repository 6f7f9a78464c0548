/**
 * How far the output of an attempt was shipped, noted in its folder so that a new agent goes on where the last one was.
 * What is about to be sent is noted before it is sent: after a crash the very same chunk goes again and is known as a
 * repeat, instead of a longer one with the same offset being dropped as one.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { attemptFolder } from '#process'

export type StreamName = 'out' | 'err'
export type StreamState = {
  /** Bytes that are in MR_OUTPUT. */
  offset: number
  /** End of the chunk that is on its way; equal to offset when none is. */
  planned: number
  /** The last chunk was sent: nothing more will be. */
  closed: boolean
}
export type ShippedState = Record<StreamName, StreamState>

const nothing = (): StreamState => ({ offset: 0, planned: 0, closed: false })

const pathOf = (data: string, attemptId: string): string => `${attemptFolder(data, attemptId)}/shipped`

export const readShipped = (data: string, attemptId: string): ShippedState => {
  try {
    const { out, err } = JSON.parse(readFileSync(pathOf(data, attemptId), 'utf8')) as ShippedState
    return { out: { ...nothing(), ...out }, err: { ...nothing(), ...err } }
  } catch {
    return { out: nothing(), err: nothing() }
  }
}

export const writeShipped = (data: string, attemptId: string, state: ShippedState): void => {
  const path = pathOf(data, attemptId)
  writeFileSync(`${path}.new`, JSON.stringify(state))
  renameSync(`${path}.new`, path)
}
