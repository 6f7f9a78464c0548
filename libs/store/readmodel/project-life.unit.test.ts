/** Given the events of a job's life, when they are projected, then this is what people see. */
import { describe, expect, it } from 'vitest'
import { positionOf } from '#schemas'
import { startMs } from '../log-script.testing.ts'
import { at, cell, view } from './folded.testing.ts'

const reason = { code: 'cancelled', text: 'no longer needed' }

describe('the life of a job', () => {
  it('waits for a host after it was submitted', () => {
    const log = cell().submit(
      'a',
      { name: 'n', queue: 'q', priority: 3, labels: { k: 'v' } },
      { actor: 'me', correlation: 'c' },
    )
    expect(view(log, 'a')).toMatchObject({
      id: 'a',
      name: 'n',
      state: 'queued',
      reason: { code: 'queued', text: 'Waiting for a host.' },
      queue: 'q',
      priority: 3,
      labels: { k: 'v' },
      actor: 'me',
      correlationId: 'c',
      submittedAt: at(4),
      startedAt: null,
      result: null,
      attempts: [],
      submission: positionOf(4, 0),
      seq: 4,
    })
  })

  it('goes through assigned, claimed, running and exited to its result', () => {
    const log = cell().submit('a').assign('h1', 'a')
    expect(view(log, 'a')).toMatchObject({ state: 'assigned', reason: { code: 'first-fit' } })
    log.claim('h1', 'a')
    expect(view(log, 'a')).toMatchObject({ state: 'assigned', attempts: [{ state: 'claimed' }] })
    log.start('h1', 'a')
    expect(view(log, 'a')).toMatchObject({
      state: 'running',
      startedAt: at(7),
      attempts: [{ state: 'running', pid: 4711 }],
    })
    log.exit('h1', 'a', 1, { stdout: { bytes: 6, tail: 'aGVsbG8K' } })
    expect(view(log, 'a')).toMatchObject({
      state: 'running',
      finishedAt: null,
      result: null,
      attempts: [{ state: 'exited' }],
    })
    log.finish('a')
    expect(view(log, 'a')).toMatchObject({
      state: 'succeeded',
      reason: { code: 'exit-zero' },
      finishedAt: at(9),
      result: { exitCode: 0, signal: null, cause: 'exit', outputs: [] },
      usage: { wallMs: 120, cpuMs: 95 },
      attempts: [
        {
          n: 1,
          host: 'h1',
          assignedAt: at(5),
          claimedAt: at(6),
          startedAt: at(7),
          exitedAt: at(8),
          fence: positionOf(5, 0),
          epoch: 1,
          stdoutBytes: 6,
          stdoutTail: 'aGVsbG8K',
          late: 0,
        },
      ],
    })
  })

  it('reckons the start back from the exit when none was told', () => {
    const log = cell().submit('a').assign('h1', 'a').claim('h1', 'a')
    log.exit('h1', 'a', 1, { startedAt: startMs, at: startMs + 1 })
    expect(view(log, 'a')).toMatchObject({ startedAt: at(6), attempts: [{ startedAt: at(6), exitedAt: at(7) }] })
  })

  it('is stopping from the order to stop until it has ended', () => {
    const log = cell().submit('a').assign('h1', 'a').claim('h1', 'a').start('h1', 'a')
    log.order('h1', { type: 'stop-ordered', job: 'a', attempt: 1, graceMs: 10, reason })
    expect(view(log, 'a')).toMatchObject({ state: 'stopping', reason, attempts: [{ state: 'stopping' }] })
    log.exit('h1', 'a', 1, { cause: 'cancelled', exitCode: null, signal: 'SIGTERM' })
    log.decide({ type: 'cancelled', job: 'a', attempt: 1, reason })
    expect(view(log, 'a')).toMatchObject({ state: 'cancelled', result: { signal: 'SIGTERM', cause: 'cancelled' } })
  })

  it('stays stopping when the start is told late', () => {
    const log = cell().submit('a').assign('h1', 'a')
    log.order('h1', { type: 'stop-ordered', job: 'a', attempt: 1, graceMs: 10, reason }).start('h1', 'a')
    expect(view(log, 'a')).toMatchObject({ state: 'stopping', attempts: [{ state: 'stopping', startedAt: at(7) }] })
  })

  it('is tried again after a failure', () => {
    const log = cell().submit('a').assign('h1', 'a').claim('h1', 'a').exit('h1', 'a', 1, { exitCode: 1 })
    log.decide({ type: 'retrying', job: 'a', attempt: 1, dueAt: startMs, reason: { code: 'retry-within-policy' } })
    expect(view(log, 'a')).toMatchObject({ state: 'retrying', reason: { code: 'retry-within-policy' } })
    log.assign('h2', 'a', 2)
    expect(view(log, 'a')).toMatchObject({
      state: 'assigned',
      attempts: [
        { n: 1, exitCode: 1 },
        { n: 2, host: 'h2' },
      ],
    })
  })

  it('waits again at once when somebody asks for it in the back-off', () => {
    const log = cell().submit('a').assign('h1', 'a').claim('h1', 'a').exit('h1', 'a', 1, { exitCode: 1 })
    log.decide({ type: 'retrying', job: 'a', attempt: 1, dueAt: startMs * 2, reason: { code: 'retry-within-policy' } })
    log.ask({ type: 'retry-requested', job: 'a' })
    expect(view(log, 'a')).toMatchObject({ state: 'queued', reason: { code: 'requested-again' } })
  })

  it.each(['refused', 'revoked'] as const)('is queued again when its unclaimed attempt is %s', (type) => {
    const log = cell().submit('a').assign('h1', 'a')
    const event = { type, job: 'a', attempt: 1, reason: { code: 'host-queue-wait' } } as const
    if (type === 'refused') log.facts('h1', event)
    else log.order('h1', event)
    expect(view(log, 'a')).toMatchObject({
      state: 'queued',
      reason: { code: 'host-queue-wait' },
      attempts: [{ state: type }],
    })
  })

  it('is cancelled after its attempt was revoked before the claim', () => {
    const log = cell().submit('a').assign('h1', 'a').ask({ type: 'cancel-requested', job: 'a' })
    log
      .order('h1', { type: 'revoked', job: 'a', attempt: 1, reason })
      .decide({ type: 'cancelled', job: 'a', attempt: 1, reason })
    expect(view(log, 'a')).toMatchObject({ state: 'cancelled', reason, result: null })
  })

  it('is stopping when its attempt is revoked after the claim', () => {
    const log = cell().submit('a').assign('h1', 'a').claim('h1', 'a')
    log.order('h1', { type: 'revoked', job: 'a', attempt: 1, reason: { code: 'superseded' } })
    expect(view(log, 'a')).toMatchObject({ state: 'stopping', attempts: [{ state: 'stopping' }] })
  })
})
