import { describe, expect, test } from 'vitest'
import { limits } from '#schemas'
import { assigned, epoch, exit, revoked, start, stopOrdered, World } from '../testing/brain-world.ts'
import { isQuiet } from './index.ts'

/** Attempt a.1 has been claimed, seen and handed to the supervisor. */
const handed = (): World => {
  const world = World.joined()
  world.order(assigned('a'))
  world.settle()
  world.did()
  return world
}

describe('the natural way', () => {
  test('order → claim, spool → acknowledge → echo → start → started → exited → forget', () => {
    const world = World.joined()
    const order = world.order(assigned('a'))
    expect(world.did()).toEqual(['publish claimed a.1'])
    world.flush()
    expect(world.did()).toEqual([`acknowledge ${order}`])
    expect(world.published.at(-1)?.id).toBe('a.1/claimed')
    world.ack()
    expect(world.did()).toEqual([])
    world.echo()
    expect(world.did()).toEqual(['start a.1'])
    world.flush()
    expect(world.did()).toEqual([`acknowledge ${world.sequence}`])
    world.give({ kind: 'reports', reports: [start('a.1')] })
    expect(world.did()).toEqual(['publish started a.1'])
    world.flush()
    world.give({ kind: 'reports', reports: [exit('a.1', 3)] })
    expect(world.did()).toEqual([])
    world.ack()
    expect(world.did()).toEqual(['notice a'])
    world.flush()
    expect(world.did()).toEqual(['publish exited a.1'])
    expect(world.published.at(-1)?.events[0]).toMatchObject({ cause: 'exit', exitCode: 3, stdout: { bytes: 3 } })
    expect(isQuiet(world.brain)).toBe(false)
    world.ack()
    expect(isQuiet(world.brain)).toBe(true)
    world.did()
    world.echo()
    world.flush()
    expect(world.did()).toEqual(['forget a.1', `acknowledge ${world.sequence}`])
    expect(world.brain.attempts.size).toBe(0)
    expect(world.brain.outbox).toEqual([])
  })

  test('the fence is the position of the order, and the trace goes with it', () => {
    const world = World.joined()
    const sequence = world.order(assigned('a'), assigned('b'))
    expect(world.brain.attempts.get('b.1')?.fence).toBe(sequence * 4096 + 1)
  })

  test('facts of a turn make one commit; what comes while it is on its way makes the next', () => {
    const world = World.joined()
    world.order(assigned('a'), assigned('b'))
    world.order(assigned('c'))
    world.flush()
    expect(world.did().filter((did) => did.startsWith('publish'))).toEqual(['publish claimed a.1, claimed b.1'])
    world.ack()
    world.flush()
    expect(world.did()).toEqual(['publish claimed c.1'])
  })

  test('ids are deterministic', () => {
    const ids = [0, 1].map(() => {
      const world = World.joined()
      world.order(assigned('a'), assigned('b'))
      world.flush()
      return world.published.at(-1)?.id
    })
    expect(ids[0]).toBe(ids[1])
    expect(ids[0]).toMatch(/^facts\/h1\/[a-z0-9]+$/)
  })

  test('a commit keeps within its limits; the rest follows', () => {
    const world = World.joined()
    const many = Array.from({ length: 60 }, (_, index) => `j${index}`)
    world.order(...many.map((job) => assigned(job)))
    world.settle()
    const tail = 'A'.repeat(5464)
    const reports = many.map((job) => {
      const report = exit(`${job}.1`)
      if (report.kind === 'ended') Object.assign(report.end, { stdoutTail: tail, stderrTail: tail, stderrBytes: 9999 })
      return report
    })
    world.did()
    world.published.splice(0)
    world.give({ kind: 'reports', reports })
    for (let commit = 0; commit < 10 && !isQuiet(world.brain); commit++) {
      world.flush()
      world.ack()
    }
    expect(world.published.length).toBeGreaterThan(1)
    for (const { bytes } of world.published) expect(bytes.length).toBeLessThanOrEqual(limits.commitBytesMax)
    expect(world.published.flatMap(({ events }) => events)).toHaveLength(60)
  })
})

describe('orders', () => {
  test('of another epoch are passed over, and acknowledged', () => {
    const world = World.joined()
    world.orderOf(epoch - 1, assigned('a'), revoked('b'))
    world.orderOf(epoch + 1, assigned('a'))
    world.flush()
    expect(world.did().filter((did) => !did.startsWith('say'))).toEqual([
      `acknowledge ${world.sequence - 1}`,
      `acknowledge ${world.sequence}`,
    ])
    expect(world.brain.attempts.size).toBe(0)
  })

  test('count in the epoch that was in force where they stand in the log', () => {
    const world = World.joined()
    const claim = world.sequence + 1
    world.sequence = claim
    world.give({ kind: 'log', messages: [{ sequence: claim, message: { kind: 'leader-claimed' } }] })
    world.orderOf(epoch, assigned('a'))
    world.orderOf(claim, assigned('b'))
    expect([...world.brain.attempts.keys()]).toEqual(['b.1'])
  })

  test('without any known leader-claimed their own epoch has to do', () => {
    const world = new World()
    world.begin()
    world.give({ kind: 'published', id: 'h1/life-1/1/joined', sequence: 1 })
    world.orderOf(77, assigned('a'))
    expect([...world.brain.attempts.keys()]).toEqual(['a.1'])
  })

  test('delivered again start nothing twice, and are acknowledged again', () => {
    const world = handed()
    world.give({ kind: 'reports', reports: [exit('a.1')] })
    world.settle()
    world.did()
    const commit = { v: 1, id: 'o', source: 's', time: 0, epoch, events: [assigned('a')] } as never
    world.give({ kind: 'log', messages: [{ sequence: 101, message: { kind: 'orders', commit } }] })
    world.flush()
    expect(world.did()).toEqual(['acknowledge 101'])
    expect(world.brain.attempts.size).toBe(0)
  })

  test('a spec that does not fit is given back and never starts', () => {
    const world = World.joined()
    world.order(assigned('a', 1, { command: [] }))
    world.flush()
    expect(world.did()).toEqual([`acknowledge ${world.sequence}`, 'publish refused a.1'])
    expect(world.published.at(-1)?.events[0]).toMatchObject({ reason: { code: 'host-refused' } })
    world.ack()
    world.echo()
    world.flush()
    expect(world.brain.attempts.size).toBe(0)
  })

  test('are given back once the host is leaving', () => {
    const world = World.joined()
    world.give({ kind: 'closing' })
    world.order(assigned('a'))
    world.flush()
    expect(world.published.at(-1)?.events[0]).toMatchObject({ type: 'refused', reason: { code: 'host-leaving' } })
  })
})

describe('revoked', () => {
  test('before the claim was written: dropped without a word', () => {
    const world = World.joined()
    world.order(assigned('x'))
    world.flush()
    world.order(assigned('a'))
    world.order(revoked('a'))
    world.flush()
    world.did()
    world.ack()
    world.flush()
    expect(world.did()).toEqual([])
    expect([...world.brain.attempts.keys()]).toEqual(['x.1'])
  })

  test('before the claim in the log: the claim has no effect, the attempt never starts', () => {
    const world = World.joined()
    world.order(assigned('a'))
    world.flush()
    world.order(revoked('a'))
    world.ack()
    world.echo()
    world.flush()
    expect(world.did().some((did) => did.startsWith('start'))).toBe(false)
    expect(world.brain.attempts.size).toBe(0)
  })

  test('after the claim in the log: ended at once', () => {
    const world = handed()
    world.order(revoked('a'))
    expect(world.did()).toEqual(['stop a.1 0'])
  })

  test('lost is the same: the attempt may run elsewhere by now', () => {
    const world = handed()
    world.order({ type: 'lost', job: 'a', attempt: 1, reason: { code: 'host-silent' } })
    expect(world.did()).toEqual(['stop a.1 0'])
  })

  test('an attempt that is not here, or has ended, is nobody’s business', () => {
    const world = handed()
    world.order(revoked('z'), stopOrdered('y'))
    world.give({ kind: 'reports', reports: [exit('a.1')] })
    world.order(revoked('a'))
    expect(world.did()).toEqual([])
  })
})

describe('stop-ordered', () => {
  test('TERM with the grace of the order; the end is told as the supervisor saw it', () => {
    const world = handed()
    world.order(stopOrdered('a', 1234))
    expect(world.did()).toEqual(['stop a.1 1234'])
  })

  test('before it could start: given back, never started', () => {
    const world = World.joined()
    world.order(assigned('a'))
    world.flush()
    world.order(stopOrdered('a'))
    world.ack()
    world.echo()
    world.flush()
    expect(world.did().some((did) => did.startsWith('start'))).toBe(false)
    expect(world.published.at(-1)?.events[0]).toMatchObject({ type: 'refused', reason: { code: 'cancelled' } })
  })
})

describe('reports', () => {
  test('repeated are one', () => {
    const world = handed()
    world.give({ kind: 'reports', reports: [start('a.1'), start('a.1'), exit('a.1'), exit('a.1'), start('a.1')] })
    world.flush()
    world.give({ kind: 'reports', reports: [start('a.1'), exit('a.1')] })
    world.flush()
    expect(world.did()).toEqual(['publish started a.1, exited a.1'])
  })

  test('what waited too long is given back', () => {
    const world = handed()
    world.give({ kind: 'reports', reports: [{ kind: 'unstarted', attemptId: 'a.1', why: 'queue-wait' }] })
    world.flush()
    expect(world.published.at(-1)?.events[0]).toMatchObject({ type: 'refused', reason: { code: 'host-queue-wait' } })
  })

  test('the end of an attempt that nobody knows any more is forgotten', () => {
    const world = World.joined()
    world.give({ kind: 'reports', reports: [exit('old.1'), start('old.2')] })
    expect(world.did()).toEqual(['forget old.1'])
  })
})

test('a commit that the log has gone past counts as seen, though its echo never came', () => {
  const world = World.joined()
  world.order(assigned('a'))
  world.flush()
  world.ack()
  world.did()
  world.order(assigned('b'))
  expect(world.did()).toEqual(['start a.1', 'publish claimed b.1'])
})

describe('leaving', () => {
  test('left is said after all else', () => {
    const world = handed()
    world.give({ kind: 'reports', reports: [exit('a.1')] }, { kind: 'leave', text: 'SIGTERM' })
    world.flush()
    expect(world.did()).toEqual(['publish exited a.1, left'])
  })
})
