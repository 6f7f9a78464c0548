import { describe, expect, it } from 'vitest'
import { type Ack, BrokerError, type OutgoingMessage } from '#eventlog'
import { newLogger } from '#runtime'
import type { OutgoingCommit, PlannedCommits } from './commits.ts'
import { Pass } from './publish.ts'

type Asked = { message: OutgoingMessage; signal: AbortSignal; resolve: (ack: Ack) => void; reject: (e: Error) => void }

/** A log that answers when the test says so. */
const scripted = () => {
  const asked: Asked[] = []
  let arrived = () => {}
  return {
    asked,
    log: {
      append: (message: OutgoingMessage, signal?: AbortSignal) =>
        new Promise<Ack>((resolve, reject) => {
          signal!.addEventListener('abort', () => reject(new BrokerError('closed', 'aborted')))
          asked.push({ message, signal: signal!, resolve, reject })
          arrived()
        }),
    },
    /** Resolves when this many appends were asked for in all. */
    until: async (count: number) => {
      while (asked.length < count) await new Promise<void>((resolve) => (arrived = resolve))
    },
  }
}

const commit = (id: string): OutgoingCommit => ({
  subject: `s.${id}`,
  id,
  commit: { v: 1, id, source: 's', time: 0, events: [] },
  bytes: new Uint8Array([1]),
  done: [],
})
const commits = (decisions: string[], orders: string[]): PlannedCommits => ({
  decisions: decisions.map(commit),
  orders: orders.map(commit),
})

const begin = (planned: PlannedCommits) => {
  const broker = scripted()
  const end = new AbortController()
  const stored: [string, number][] = []
  const pass = new Pass({
    log: broker.log,
    logger: newLogger('test', 'silent'),
    commits: planned,
    signal: end.signal,
    onStored: ({ id }, sequence) => stored.push([id, sequence]),
  })
  return { ...broker, end, stored, pass, published: pass.publish() }
}

describe('Pass', () => {
  it('publishes orders only when all decisions are stored, and is over when all was folded', async () => {
    const { asked, until, stored, pass, published } = begin(commits(['d0'], ['h1', 'h2']))
    await until(1)
    expect(asked.map(({ message }) => message.id)).toEqual(['d0'])
    asked[0]!.resolve({ sequence: 10, duplicate: false })
    await until(3)
    expect(asked.map(({ message }) => message.id)).toEqual(['d0', 'h1', 'h2'])
    asked[1]!.resolve({ sequence: 11, duplicate: false })
    asked[2]!.resolve({ sequence: 12, duplicate: true })
    await published
    expect(stored).toEqual([
      ['d0', 10],
      ['h1', 11],
      ['h2', 12],
    ])
    expect(pass.isOver(11)).toBe(false)
    expect(pass.isOver(12)).toBe(true)
  })

  it('takes the echo for the acknowledgement that got lost, tells it once and sends nothing again', async () => {
    const { asked, until, stored, pass, published } = begin(commits([], ['h1']))
    await until(1)
    pass.seen('foreign', 4)
    pass.seen('h1', 5)
    pass.seen('h1', 5)
    await published
    expect(asked[0]!.signal.aborted).toBe(true)
    expect(stored).toEqual([['h1', 5]])
    expect(pass.isOver(5)).toBe(true)
  })

  it('tries a refused commit again with the same id and bytes', async () => {
    const { asked, until, stored, published } = begin(commits(['d0'], []))
    await until(1)
    asked[0]!.reject(new BrokerError('no-space', 'full'))
    await until(2)
    expect(asked[1]!.message).toEqual(asked[0]!.message)
    asked[1]!.resolve({ sequence: 3, duplicate: false })
    await published
    expect(stored).toEqual([['d0', 3]])
  })

  it('abandons everything when the reign ends', async () => {
    const { asked, until, end, stored, pass, published } = begin(commits(['d0'], ['h1']))
    await until(1)
    end.abort()
    await published
    expect(asked).toHaveLength(1)
    expect(stored).toEqual([])
    expect(pass.isOver(1_000)).toBe(false)
  })

  it('gives up when the connection was closed for good', async () => {
    const { asked, until, published } = begin(commits(['d0'], []))
    await until(1)
    asked[0]!.reject(new BrokerError('closed', 'closed'))
    await expect(published).rejects.toMatchObject({ code: 'closed' })
  })
})
