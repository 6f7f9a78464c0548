/** Beats, output and files of a cell in memory. Side streams: none of it is part of LOG. */
import { limits, type Subjects } from '#schemas'
import { type Beats, BrokerError, type Files, type OutputChunk, type OutputStream } from '../port.ts'
import { answer, type Connection } from './event-log.ts'
import { newReader } from './reader.ts'
import { subjectFilter } from './subject-filter.ts'

type Value = { subject: string; bytes: Uint8Array; version: number }

export class MemoryBeats {
  /** Newest value of each subject, oldest put first. */
  readonly #values = new Map<string, Value>()
  readonly #readers = new Set<() => void>()
  #version = 0

  of(connection: Connection, subjects: Subjects): Beats {
    const accepted = subjects.beatSubjects.map(subjectFilter)
    return {
      put: (subject, bytes) =>
        answer(connection, () => {
          if (!accepted.some((matches) => matches(subject)))
            throw new BrokerError('no-responder', `No stream takes ${subject}.`)
          this.#values.delete(subject)
          this.#values.set(subject, { subject, bytes: bytes.slice(), version: ++this.#version })
          for (const wake of this.#readers) wake()
        }),
      watch: (filter, onValue) => {
        connection.check()
        const matches = subjectFilter(filter)
        let seen = 0
        const reader = newReader<Value>({
          schedule: connection.schedule,
          take: () => {
            const newer = [...this.#values.values()].filter((v) => v.version > seen && matches(v.subject))
            seen = this.#version
            return newer
          },
          onBatch: (batch) => {
            for (const value of batch) onValue(value.subject, value.bytes)
          },
          onEnd: () => this.#readers.delete(reader.wake),
        })
        this.#readers.add(reader.wake)
        return connection.keep(reader)
      },
    }
  }
}

export class MemoryOutput {
  /** Chunks of each job in stored order, with their ids. */
  readonly #jobs = new Map<string, { chunks: OutputChunk[]; ids: Set<string> }>()
  readonly #readers = new Set<() => void>()

  of(connection: Connection): OutputStream {
    return {
      append: (chunk) =>
        answer(connection, () => {
          if (chunk.bytes.length > limits.outputChunkBytesMax)
            throw new BrokerError(
              'too-large',
              `A chunk of ${chunk.bytes.length} bytes; the limit is ${limits.outputChunkBytesMax}.`,
            )
          const { chunks, ids } = this.#job(chunk.job)
          const id = `${chunk.attempt}/${chunk.stream}/${chunk.offset}`
          if (ids.has(id)) return
          ids.add(id)
          chunks.push({ ...chunk, bytes: chunk.bytes.slice() })
          for (const wake of this.#readers) wake()
        }),
      follow: (job, onChunk, onCaughtUp) => {
        connection.check()
        const { chunks } = this.#job(job)
        let next = 0
        let caughtUp = false
        const reader = newReader<OutputChunk>({
          schedule: connection.schedule,
          take: (max) => {
            const batch = chunks.slice(next, next + max)
            next += batch.length
            return batch
          },
          onBatch: (batch) => {
            for (const chunk of batch) onChunk(chunk)
          },
          onDrained: () => {
            if (!caughtUp) onCaughtUp?.()
            caughtUp = true
          },
          onEnd: () => this.#readers.delete(reader.wake),
        })
        this.#readers.add(reader.wake)
        return connection.keep(reader)
      },
    }
  }

  #job(job: string) {
    const known = this.#jobs.get(job) ?? { chunks: [], ids: new Set<string>() }
    this.#jobs.set(job, known)
    return known
  }
}

export class MemoryFiles {
  readonly #files = new Map<string, Uint8Array>()

  of(connection: Connection): Files {
    return {
      put: (name, bytes) => answer(connection, () => void this.#files.set(name, bytes.slice())),
      get: (name) => answer(connection, () => this.#files.get(name)?.slice() ?? null),
      delete: (name) => answer(connection, () => void this.#files.delete(name)),
    }
  }
}
