import { describe, expect, it } from 'vitest'
import { newCluster } from '#domain'
import type { LogMessage } from '#eventlog'
import { type Event, encodeCommit, subjectsOf } from '#schemas'
import { Fold } from './fold.ts'

const subjects = subjectsOf('mr')

const given = () => {
  const told: string[] = []
  const fold = new Fold({ cluster: newCluster(), consumerFrom: new Map(), sequence: 0 }, subjects, {
    onJoined: (host, from) => told.push(`joined ${host} from ${from}`),
    onFact: (host) => told.push(`fact of ${host}`),
    onClaim: ({ epoch, leader }) => told.push(`claim ${epoch} of ${leader}`),
    onLiveEvent: (event, host) => told.push(`${event.type} ${host}`),
  })
  const message = (subject: string, bytes: Uint8Array, id = ''): LogMessage => ({
    subject,
    sequence: fold.sequence + 1,
    timeMs: 1_000 + fold.sequence,
    id,
    bytes,
  })
  const say = (subject: string, events: Event[], epoch?: number) => {
    const id = `m${fold.sequence}`
    const header = { v: 1 as const, id, source: 's', time: 0, ...(epoch === undefined ? {} : { epoch }) }
    fold.message(message(subject, encodeCommit({ ...header, events }), id))
  }
  return { fold, told, message, say }
}

const joined: Event = {
  type: 'joined',
  bootId: 'b',
  incarnation: 'i',
  capacity: { cpuMilli: 1_000, memoryBytes: 0, custom: {} },
  labels: {},
  tools: {},
  containment: 'none',
  version: '0',
  agentPid: 1,
  supervisorPid: null,
  inventory: [],
}

describe('Fold', () => {
  it('starts a host’s consumer at the claim before its first joined, and leaves it there', () => {
    const { told, say } = given()
    say(subjects.facts('early'), [joined])
    say(subjects.leaderClaimed, [{ type: 'leader-claimed', leader: 'a' }])
    say(subjects.facts('h1'), [joined])
    say(subjects.leaderClaimed, [{ type: 'leader-claimed', leader: 'b' }])
    say(subjects.facts('h1'), [joined])
    say(subjects.facts('early'), [joined])
    expect(told).toEqual([
      'joined early from 1',
      'claim 2 of a',
      'joined h1 from 2',
      'claim 4 of b',
      'joined h1 from 2',
      'joined early from 1',
    ])
  })

  it('tells events only when they are news, and nothing of what is fenced', () => {
    const { fold, told, say } = given()
    const suspect: Event = { type: 'suspect', reason: { code: 'host-silent' } }
    say(subjects.leaderClaimed, [{ type: 'leader-claimed', leader: 'a' }])
    say(subjects.facts('h1'), [joined])
    say(subjects.orders('h1'), [suspect], 1)
    told.length = 0
    fold.live = true
    say(subjects.orders('h1'), [{ type: 'returned', reason: { code: 'host-back' } }], 1)
    say(subjects.orders('h1'), [suspect], 9)
    expect(told).toEqual(['returned h1'])
    expect(fold.cluster.counts.fenced).toBe(1)
  })

  it.each([
    ['mr.job.x.submitted', 'no json'],
    ['mr.job.$.submitted', '{}'],
    ['mr.control.leader-claimed', '{"v":1,"id":"x","source":"s","time":0,"events":[]}'],
    ['mr.flow.f1.begun', '{}'],
    ['other.subject', ''],
  ])('goes on over %s with %s', (subject, text) => {
    const { fold, message, told } = given()
    fold.message(message(subject, Buffer.from(text)))
    expect(fold.sequence).toBe(1)
    expect(fold.cluster.counts.malformed).toBe(1)
    expect(told).toEqual([])
  })

  it('takes an echo for its own only when id, subject and bytes are the same', () => {
    const { fold, message, say } = given()
    say(subjects.leaderClaimed, [{ type: 'leader-claimed', leader: 'a' }])
    say(subjects.facts('h1'), [joined])
    const commit = { v: 1 as const, id: 'plan/1/0/0', source: 's', time: 0, epoch: 1, events: [] as Event[] }
    const real = { ...commit, events: [{ type: 'suspect' as const, reason: { code: 'host-silent' } }] }
    const bytes = encodeCommit(real)
    // Not what the bytes say: shows which of the two was folded.
    fold.expectOwn([{ id: commit.id, subject: subjects.orders('h1'), bytes, commit }])
    fold.message(message(subjects.orders('h1'), bytes, commit.id))
    expect(fold.cluster.hosts.get('h1')!.state).toBe('up')
    fold.message(message(subjects.orders('h1'), Buffer.concat([bytes, Buffer.from(' ')]), commit.id))
    expect(fold.cluster.hosts.get('h1')!.state).toBe('suspect')
  })

  it('stops with the place when the domain throws, and does not count the message as folded', () => {
    const { fold, message } = given()
    Object.defineProperty(fold.cluster, 'leader', {
      get: () => {
        throw new TypeError('broken')
      },
    })
    const forged = encodeCommit({
      v: 1,
      id: 'x',
      source: 's',
      time: 0,
      epoch: 5,
      events: [{ type: 'cancelled', job: 'j', reason: { code: 'cancelled' } }],
    })
    expect(() => fold.message(message(subjects.decisions, forged))).toThrowError(
      /Message 1 on mr.scheduler.decisions can't be folded: broken/,
    )
    expect(fold.sequence).toBe(0)
  })
})
