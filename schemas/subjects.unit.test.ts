import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventDefinitions } from './events/index.ts'
import { subjectFor } from './generate/examples.ts'
import { eventTypes } from './generate/json-schema.ts'
import { attemptIdOf, hostIdPattern, isHostId, isJobId, jobIdPattern, parseAttemptId } from './names.ts'
import { subjectsOf, writerOf } from './subjects.ts'

const subjects = subjectsOf('mr')
const jobId = fc.stringMatching(new RegExp(jobIdPattern))
const hostId = fc.stringMatching(new RegExp(hostIdPattern))

/** Texts that would break a subject, a file name or a plain object if they passed for an id. */
const hostile = [
  '',
  '.',
  '..',
  'a.b',
  '*',
  '>',
  'a*',
  'a>',
  ' a',
  'a ',
  'a\n',
  'a\0',
  '\u00e4',
  '-a',
  '_a',
  '__proto__',
  '../x',
  'a/b',
  '$JS.API.>',
  'x'.repeat(65),
]

describe('ids', () => {
  test.each(hostile)('%j is neither a job id nor a host id', (text) => {
    expect(isJobId(text)).toBe(false)
    expect(isHostId(text)).toBe(false)
  })

  test('attempt ids come apart as they were put together', () => {
    fc.assert(
      fc.property(jobId, fc.integer({ min: 1, max: 1e9 }), (job, attempt) => {
        expect(parseAttemptId(attemptIdOf(job, attempt))).toEqual({ job, attempt })
      }),
    )
  })

  test.each(['a', 'a.', '.1', 'a.0', 'a.-1', 'a.1.5', 'a.01', 'a.1e3', 'a. 1', 'a.0x1', 'a.1\n', 'a.Infinity'])(
    '%j is no attempt id',
    (text) => {
      expect(parseAttemptId(text)).toBeNull()
    },
  )
})

describe('subjects', () => {
  test('what is built is parsed back', () => {
    fc.assert(
      fc.property(jobId, hostId, (job, host) => {
        expect(subjects.parse(subjects.job(job, 'submitted'))).toEqual({ kind: 'job', job, event: 'submitted' })
        expect(subjects.parse(subjects.batch(job))).toEqual({ kind: 'batch', batch: job })
        expect(subjects.parse(subjects.orders(host))).toEqual({ kind: 'orders', host })
        expect(subjects.parse(subjects.facts(host))).toEqual({ kind: 'facts', host })
        expect(subjects.hostOfBeat(subjects.beat(host))).toBe(host)
      }),
    )
    expect(subjects.parse(subjects.decisions)).toEqual({ kind: 'decisions' })
    expect(subjects.parse(subjects.leaderClaimed)).toEqual({ kind: 'control', event: 'leader-claimed' })
  })

  test.each(eventTypes)('%s stands on a subject of its writer, within the filters of LOG', (type) => {
    const subject = subjectFor(type, { job: 'j1', host: 'h1' })
    expect(writerOf(subjects.parse(subject)!)).toBe(eventDefinitions[type].writer)
    expect(subjects.logSubjects.filter((filter) => covers(filter, subject))).toHaveLength(1)
  })

  test.each(hostile.filter((text) => !text.includes('.')))('a subject with %j as an id is none of ours', (text) => {
    expect(subjects.parse(subjects.job(text, 'submitted'))).toBeNull()
    expect(subjects.parse(subjects.facts(text))).toBeNull()
    expect(subjects.hostOfBeat(subjects.beat(text))).toBeNull()
  })

  test.each([
    '',
    'mr',
    'mr.job',
    'mr.job.a',
    'mr.job.a.',
    'mr.job.a.b.c',
    'mr.batch.',
    'mr.batch..submitted',
    'mr.batch.b.cancel-requested',
    'mr.host.h.other',
    'mr.scheduler.decisions.x',
    'mr.scheduler.other',
    'mr.control.',
    'mr.control.x.y',
    'mr2.job.a.submitted',
    'MR.job.a.submitted',
    'mr.constructor.a.submitted',
  ])('%j is none of ours', (subject) => {
    expect(subjects.parse(subject)).toBeNull()
  })

  test('parse takes any text', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('mr', 'job', 'host', '.', '*', '>', '__proto__', '', 'a')), (parts) => {
        subjects.parse(parts.join('.'))
        subjects.parse(parts.join(''))
      }),
    )
  })

  test.each(['', 'Mr', '1mr', 'm.r', 'm*', 'm r', 'm-r', 'x'.repeat(17), '$SYS'])('%j is no namespace', (namespace) => {
    expect(() => subjectsOf(namespace)).toThrow(RangeError)
  })

  test('cells with different namespaces share no subject and no stream', () => {
    const other = subjectsOf('mr2')
    expect(other.parse(subjects.decisions)).toBeNull()
    expect(new Set([...Object.values(other.streams), ...Object.values(subjects.streams)]).size).toBe(8)
  })
})

/** NATS' matching of a filter, for filters without `>`. */
const covers = (filter: string, subject: string): boolean => {
  const tokens = subject.split('.')
  const parts = filter.split('.')
  return parts.length === tokens.length && parts.every((part, at) => part === '*' || part === tokens[at])
}
