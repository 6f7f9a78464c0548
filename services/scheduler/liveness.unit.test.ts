import { describe, expect, it } from 'vitest'
import { Liveness } from './liveness.ts'

const silentAfter = (liveness: Liveness, hosts: string[], atMs: number) => {
  liveness.look(hosts, atMs)
  return Object.fromEntries(liveness.silentMs)
}

describe('Liveness', () => {
  it('counts from the last heartbeat', () => {
    const liveness = new Liveness()
    liveness.takeOver(['a', 'b'], 1_000)
    liveness.heard('a', 2_500)
    expect(silentAfter(liveness, ['a', 'b'], 3_000)).toEqual({ a: 500, b: 2_000 })
  })

  it('gives every host the full time again when a reign begins', () => {
    const liveness = new Liveness()
    liveness.heard('a', 0)
    liveness.takeOver(['a', 'b'], 60_000)
    expect(silentAfter(liveness, ['a', 'b'], 60_000)).toEqual({ a: 0, b: 0 })
  })

  it('counts a host that it has never heard from the first look, not from the beginning of the reign', () => {
    const liveness = new Liveness()
    liveness.takeOver([], 0)
    expect(silentAfter(liveness, ['new'], 60_000)).toEqual({ new: 0 })
    expect(silentAfter(liveness, ['new'], 60_250)).toEqual({ new: 250 })
  })

  it('says between two looks that a host was heard', () => {
    const liveness = new Liveness()
    liveness.takeOver(['a'], 0)
    liveness.look(['a'], 5_000)
    liveness.heard('a', 5_100)
    expect(liveness.silentMs.get('a')).toBe(0)
  })
})
