/** Given events that come late, twice, from the wrong writer or broken, then this is what people see. */
import { describe, expect, it } from 'vitest'
import { positionOf } from '#schemas'
import { startMs, subjects } from '../log-script.testing.ts'
import { at, cell, fold, view } from './folded.testing.ts'
import { attemptView } from './views.ts'

const reason = { code: 'cancelled', text: 'no longer needed' }

describe('what comes late', () => {
  const lost = () =>
    cell()
      .submit('a')
      .assign('h1', 'a')
      .claim('h1', 'a')
      .start('h1', 'a')
      .order('h1', {
        type: 'lost',
        job: 'a',
        attempt: 1,
        reason: { code: 'host-silent' },
      })

  it('shows a lost attempt and a job that awaits the decision', () => {
    expect(view(lost(), 'a')).toMatchObject({
      state: 'retrying',
      reason: { code: 'host-silent' },
      attempts: [{ state: 'lost' }],
    })
  })

  it('keeps facts about an attempt that was given up, and changes no state', () => {
    const log = lost().exit('h1', 'a', 1, { exitCode: 3 })
    expect(view(log, 'a')).toMatchObject({
      state: 'retrying',
      finishedAt: null,
      attempts: [{ state: 'lost', exitCode: 3, exitedAt: at(log.last), late: 1 }],
    })
  })

  it('counts the claim of a revoked attempt', () => {
    const log = cell().submit('a').assign('h1', 'a')
    log.order('h1', { type: 'revoked', job: 'a', attempt: 1, reason: { code: 'superseded' } }).claim('h1', 'a')
    expect(view(log, 'a')).toMatchObject({ state: 'queued', attempts: [{ state: 'revoked', late: 1 }] })
  })

  it('passes over what another host says of an attempt', () => {
    const log = cell().submit('a').assign('h1', 'a').exit('h2', 'a')
    expect(view(log, 'a')).toMatchObject({ state: 'assigned', attempts: [{ state: 'assigned', late: 0 }] })
  })

  it('never changes a terminal state', () => {
    const log = cell().submit('a').assign('h1', 'a').claim('h1', 'a').exit('h1', 'a').finish('a')
    const before = view(log, 'a')
    log.decide({ type: 'finished', job: 'a', attempt: 1, state: 'failed', reason: { code: 'lost' } })
    log.decide({ type: 'cancelled', job: 'a', reason }).submit('a', { name: 'other' }).assign('h2', 'a', 2)
    log.decide({ type: 'rejected', job: 'a', submission: before.submission, reason: { code: 'schema' } })
    expect(view(log, 'a')).toEqual({ ...before, seq: log.last })
  })
})

describe('who may decide', () => {
  it('ignores decisions and orders of another epoch, and counts them', () => {
    const log = cell().submit('a')
    const old = log.epoch
    log
      .lead('s2')
      .put(
        subjects.orders('h1'),
        [{ type: 'assigned', job: 'a', attempt: 1, spec: { command: ['true'] }, reason: { code: 'first-fit' } }],
        { epoch: old! },
      )
    log.put(subjects.decisions, [{ type: 'cancelled', job: 'a', reason }], { epoch: old! })
    expect(view(log, 'a')).toMatchObject({ state: 'queued', attempts: [] })
    expect(fold(log).cell).toMatchObject({ fenced: 2, epoch: 5, leader: 's2' })
  })
})

describe('submissions that do not stand', () => {
  const faults = [{ pointer: '/spec/command', message: 'Expected array' }]

  it('shows a malformed one only when it is rejected', () => {
    const log = cell().raw(subjects.job('bad', 'submitted'), Buffer.from('{"v":1'))
    expect(fold(log).job('bad')).toBeNull()
    log.decide({ type: 'rejected', job: 'bad', submission: positionOf(4, 0), reason: { code: 'schema' }, faults })
    expect(view(log, 'bad')).toMatchObject({
      state: 'rejected',
      faults,
      finishedAt: at(5),
      submission: positionOf(4, 0),
    })
  })

  it('keeps the first when a second of the same id is rejected', () => {
    const log = cell().submit('a').submit('a', { name: 'other' })
    log.decide({ type: 'rejected', job: 'a', submission: positionOf(5, 0), reason: { code: 'id-taken' } })
    expect(view(log, 'a')).toMatchObject({ state: 'queued', name: 'true', submission: positionOf(4, 0) })
  })

  it('rejects the one that stands when the decision names it', () => {
    const log = cell().submit('a')
    log.decide({ type: 'rejected', job: 'a', submission: positionOf(4, 0), reason: { code: 'schema' }, faults })
    expect(view(log, 'a')).toMatchObject({ state: 'rejected', faults, name: 'true' })
  })

  it('does not show a job that was only named', () => {
    const log = cell().ask({ type: 'cancel-requested', job: 'ghost' })
    expect(fold(log).job('ghost')).toMatchObject({ state: null })
    log.submit('ghost')
    expect(view(log, 'ghost')).toMatchObject({ state: 'queued' })
  })
})

describe('hosts', () => {
  it('are up, suspect, heard again, left and back', () => {
    const log = cell()
    const state = () => fold(log).host('h1')!.state
    expect(state()).toBe('up')
    log.order('h1', { type: 'suspect', reason: { code: 'host-silent' } })
    expect(state()).toBe('suspect')
    log.order('h1', { type: 'returned', reason: { code: 'host-back' } })
    expect(state()).toBe('up')
    log.facts('h1', { type: 'left', reason: { code: 'host-leaving' } })
    log.order('h1', { type: 'returned', reason: { code: 'host-back' } })
    expect(state()).toBe('left')
    log.join('h1', { version: '0.2.0' })
    expect(fold(log).host('h1')).toMatchObject({ state: 'up', version: '0.2.0', joinedMs: startMs + log.last })
  })
})

it('folds bytes of any kind without harm', () => {
  const log = cell().submit('a')
  for (const bytes of [
    '',
    '[]',
    'null',
    '{"v":2}',
    '{"v":1,"id":"x","source":"s","time":1,"events":[{"type":"nope"}]}',
    '\xff',
  ])
    log.raw(subjects.job('a', 'submitted'), Buffer.from(bytes, 'latin1'))
  expect(fold(log).cell).toMatchObject({ malformed: 6, events: 4, sequence: log.last })
  expect(view(log, 'a').state).toBe('queued')
})

it('shows an attempt in the form of the contract', () => {
  const rows = fold(cell().submit('a').assign('h1', 'a'))
  const shown = attemptView(rows.attempt(rows.job('a')!, 1)!)
  expect(Object.keys(shown).sort()).toEqual(
    'assignedAt cause claimedAt epoch exitCode exitedAt fence host late n pid signal startedAt state stderrBytes stderrTail stdoutBytes stdoutTail usage'.split(
      ' ',
    ),
  )
})
