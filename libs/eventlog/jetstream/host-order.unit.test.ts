import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LogMessage } from '../port.ts'
import { HostOrder } from './host-order.ts'

const message = (sequence: number, timeMs = sequence): LogMessage => ({
  subject: 's',
  sequence,
  timeMs,
  id: `${sequence}`,
  bytes: new Uint8Array(0),
})
const sequences = (messages: readonly LogMessage[]) => messages.map((m) => m.sequence)
const fresh = { created: 'a', ackFloor: 0, delivered: 0, pending: 0 }

test('newer ones are held back until all that is missing came again', () => {
  const order = new HostOrder(100)
  expect(order.open({ created: 'a', ackFloor: 10, delivered: 30, pending: 2 })).toEqual([])
  expect(order.holding).toBe(true)
  expect(sequences(order.arrive(message(40)))).toEqual([])
  expect(sequences(order.arrive(message(30)))).toEqual([])
  expect(sequences(order.arrive(message(30)))).toEqual([])
  expect(sequences(order.arrive(message(12)))).toEqual([12, 30, 40])
  expect(sequences(order.arrive(message(30)))).toEqual([])
  expect(sequences(order.arrive(message(41)))).toEqual([41])
})

test('what was handed over in this life is not waited for, also when the server forgot the acknowledgement', () => {
  const order = new HostOrder(100)
  order.open(fresh)
  for (const n of [1, 2, 3, 4]) order.arrive(message(n))
  order.open({ created: 'a', ackFloor: 1, delivered: 3, pending: 2 })
  expect(order.holding).toBe(false)
  expect(sequences(order.arrive(message(4)))).toEqual([])
  expect(sequences(order.arrive(message(5)))).toEqual([5])
})

test('what was held back is not fetched twice, unless the server’s state went back behind it', () => {
  const order = new HostOrder(100)
  order.open({ created: 'a', ackFloor: 0, delivered: 2, pending: 2 })
  order.arrive(message(3))
  order.arrive(message(2))
  order.open({ created: 'a', ackFloor: 0, delivered: 3, pending: 3 })
  expect(sequences(order.arrive(message(1)))).toEqual([1, 2, 3])
  order.open({ created: 'a', ackFloor: 3, delivered: 5, pending: 2 })
  order.arrive(message(6))
  expect(sequences(order.open({ created: 'a', ackFloor: 3, delivered: 3, pending: 0 }))).toEqual([])
  expect([4, 5, 6].flatMap((n) => sequences(order.arrive(message(n))))).toEqual([4, 5, 6])
})

test('an old sequence with a new time: the log went back', () => {
  const order = new HostOrder(100)
  order.open(fresh)
  order.arrive(message(5))
  expect(() => order.arrive(message(4, 99))).toThrow(expect.objectContaining({ code: 'gap' }))
})

test('whatever the server does, each message goes on once and in order', () => {
  // A consumer as the server has it: deliveries in order, again in any order, lost ones, a state that goes back.
  const step = fc.oneof(
    fc.record({ kind: fc.constant('deliver' as const), lost: fc.boolean() }),
    fc.record({ kind: fc.constant('again' as const), pick: fc.nat(), lost: fc.boolean() }),
    fc.record({ kind: fc.constant('acknowledge' as const), lost: fc.boolean() }),
    fc.record({ kind: fc.constant('reopen' as const), back: fc.nat(6) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const order = new HostOrder(1000)
      const got: number[] = []
      let state = { ackFloor: 0, delivered: 0 }
      const history = [state]
      const open = () =>
        got.push(...sequences(order.open({ created: 'a', ...state, pending: state.delivered - state.ackFloor })))
      let whole = true
      const arrive = (sequence: number, lost: boolean) => {
        // After a lost delivery the adapter sees the missing number at the next one, and opens anew.
        if (lost) whole = false
        else if (whole) got.push(...sequences(order.arrive(message(sequence))))
        else {
          open()
          whole = true
        }
      }
      const act = (s: (typeof steps)[number]) => {
        if (s.kind === 'deliver') {
          state.delivered++
          arrive(state.delivered, s.lost)
        } else if (s.kind === 'again' && state.delivered > state.ackFloor) {
          arrive(state.ackFloor + 1 + (s.pick % (state.delivered - state.ackFloor)), s.lost)
        } else if (s.kind === 'acknowledge' && !s.lost && (got.at(-1) ?? 0) > state.ackFloor) {
          state.ackFloor = got.at(-1)!
          state.delivered = Math.max(state.delivered, state.ackFloor)
        } else if (s.kind === 'reopen') {
          state = { ...history.at(-1 - Math.min(s.back, history.length - 1))! }
          open()
          whole = true
        }
        state = { ...state }
        history.push(state)
      }
      open()
      for (const s of steps) act(s)
      // In the end the server delivers everything that is outstanding, and one more.
      open()
      for (let n = state.ackFloor + 1; n <= state.delivered; n++) got.push(...sequences(order.arrive(message(n))))
      for (let n = state.delivered + 1; n <= state.delivered + 200; n++)
        got.push(...sequences(order.arrive(message(n))))
      expect(got).toEqual(got.map((_, index) => index + 1))
      expect(order.holding).toBe(false)
    }),
    { numRuns: 500 },
  )
})
