/**
 * Scheduler, agent and archive of a memory cell in one scripted actor, for the SDK's and the gateway's tests. It writes
 * real events to the log and answers real queries from what it folded; only what a job does is scripted. It can be
 * silent about a job's end (`missNotices`) and away altogether (`pause`), as the real ones can.
 */
import type { Broker, LogMessage } from '#eventlog'
import {
  type AttemptView,
  type DoneNotice,
  decodeMessage,
  type Event,
  encodeCommit,
  type JobSpec,
  type JobView,
  positionOf,
  type QueryAnswers,
  type QueryName,
  subjectsOf,
} from '#schemas'
import { eventsOf } from '../nats/log-tail.ts'
import { newAttempt, newView } from './views.ts'

/** What an attempt does: what it writes, in which chunks it is shipped, how it ends; `hold` until told to end. */
export type Script = {
  stdout?: string
  stderr?: string
  exitCode?: number
  signal?: string
  /** Sizes of the chunks of stdout that are shipped to MR_OUTPUT; the rest travels in the tail only. */
  shipped?: readonly number[]
  hold?: boolean
}

const subjects = subjectsOf()
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const iso = (ms: number) => new Date(ms).toISOString()
const tail = (text: string) => Buffer.from(text).subarray(-4096).toString('base64')

export class StandIn {
  readonly jobs = new Map<string, JobView>()
  readonly messages: LogMessage[] = []
  missNotices = false
  /** Queries are not answered while true: nobody responds. */
  #responding: { stop(): Promise<void> } | null = null
  #waiting: { sequence: number; wake: () => void }[] = []
  #broker: Broker
  #script: (spec: JobSpec, attempt: number) => Script
  #released = new Map<string, (script: Script) => void>()
  #work: Promise<unknown> = Promise.resolve()
  #last = 0

  constructor(broker: Broker, script: (spec: JobSpec, attempt: number) => Script) {
    this.#broker = broker
    this.#script = script
    const onMessages = (messages: readonly LogMessage[]) => {
      for (const message of messages) this.#fold(message)
    }
    broker.log.follow({ from: 1, onMessages })
    this.resume()
  }

  /** The archive goes away. */
  async pause(): Promise<void> {
    await this.#responding?.stop()
    this.#responding = null
  }
  resume(): void {
    this.#responding ??= this.#broker.notices.respond(subjects.queries, async (subject, bytes) => {
      const request = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
      return encode(await this.#answer(subject.split('.').at(-1) as QueryName, request))
    })
  }

  /** Ends the held attempt of a job. */
  async release(job: string, script: Script = {}): Promise<void> {
    while (!this.#released.has(job)) await new Promise((resolve) => setImmediate(resolve))
    this.#released.get(job)!(script)
  }

  /** Ships output of a running attempt. */
  ship(job: string, attempt: number, stream: 'out' | 'err', offset: number, text: string): Promise<void> {
    const bytes = Buffer.from(text)
    return this.#broker.output.append({ job, attempt, stream, offset, timeMs: Date.now(), bytes, last: false })
  }

  #fold(message: LogMessage): void {
    this.messages.push(message)
    const decoded = decodeMessage(subjects.parse(message.subject)!, message.bytes)
    if (decoded.kind === 'commit') {
      for (const [index, event] of decoded.commit.events.entries()) {
        this.#evolve(event, positionOf(message.sequence, index), message.timeMs, decoded.commit.actor ?? null)
      }
    }
    this.#last = message.sequence
    for (const view of this.jobs.values()) view.seq = message.sequence
    this.#waiting = this.#waiting.filter(({ sequence, wake }) => {
      if (sequence > message.sequence) return true
      wake()
      return false
    })
  }

  #evolve(event: Event, position: number, timeMs: number, actor: string | null): void {
    if (event.type === 'submitted') {
      if (this.jobs.has(event.job)) return
      this.jobs.set(event.job, newView(event.job, event.spec, position, iso(timeMs), actor))
      this.#later(() => this.#run(event.job, 1))
    }
    if (event.type === 'cancel-requested') {
      this.#released.get(event.job)?.({ signal: 'SIGTERM', stderr: event.reason ?? '' })
      const view = this.jobs.get(event.job)
      if (view) view.reason = { code: 'cancelled', ...(event.reason ? { text: event.reason } : {}) }
    }
    if (event.type === 'retry-requested') this.#released.get(`${event.job}/retry`)?.({})
  }

  /** One after the other, so that the order of what is written is the same each time. */
  #later(work: () => Promise<void>): void {
    this.#work = this.#work.then(() => {
      work().catch((error) => {
        // The test is over and has closed the broker.
        if ((error as { code?: string }).code !== 'closed') throw error
      })
    })
  }

  async #run(job: string, n: number): Promise<void> {
    const view = this.jobs.get(job)!
    const attempt = newAttempt(n)
    await this.#write(subjects.orders('h1'), `${job}.${n}/assigned`, [
      { type: 'assigned', job, attempt: n, spec: view.spec, reason: { code: 'first-fit' } },
    ])
    await this.#write(subjects.facts('h1'), `${job}.${n}/started`, [
      { type: 'claimed', job, attempt: n },
      { type: 'started', job, attempt: n, pid: 42, at: Date.now() },
    ])
    view.attempts.push(attempt)
    view.state = 'running'
    view.startedAt ??= iso(Date.now())
    this.#broker.notices.publish(subjects.notice(job, 'started'), encode({ id: job, attempt: n, host: 'h1', pid: 42 }))
    let script = this.#script(view.spec, n)
    let offset = 0
    for (const size of script.shipped ?? []) {
      await this.ship(
        job,
        n,
        'out',
        offset,
        Buffer.from(script.stdout ?? '')
          .subarray(offset, offset + size)
          .toString(),
      )
      offset += size
    }
    if (script.hold) {
      const end = await new Promise<Script>((resolve) => this.#released.set(job, resolve))
      this.#released.delete(job)
      script = { ...script, ...end }
    }
    await this.#end(view, attempt, script)
  }

  async #end(view: JobView, attempt: AttemptView, script: Script): Promise<void> {
    const { stdout = '', stderr = '', signal = null } = script
    const exitCode = signal === null ? (script.exitCode ?? 0) : null
    const cause = signal === null ? 'exit' : 'signal'
    const at = Date.now()
    await this.#write(subjects.facts('h1'), `${view.id}.${attempt.n}/exited`, [
      { type: 'exited', job: view.id, attempt: attempt.n, cause, exitCode, signal, at, usage: { wallMs: 1 } },
    ])
    Object.assign(attempt, {
      state: 'exited',
      exitCode,
      signal,
      cause,
      exitedAt: iso(at),
      stdoutBytes: Buffer.byteLength(stdout),
      stderrBytes: Buffer.byteLength(stderr),
      stdoutTail: tail(stdout),
      stderrTail: tail(stderr),
    })
    const retries = typeof view.spec.retries === 'number' ? view.spec.retries : 0
    if (exitCode !== 0 && attempt.n <= retries && view.reason.code !== 'cancelled') {
      view.state = 'retrying'
      if (view.labels['hold-retry']) {
        await new Promise((resolve) => this.#released.set(`${view.id}/retry`, resolve))
      }
      return this.#run(view.id, attempt.n + 1)
    }
    const cancelled = view.reason.code === 'cancelled'
    const state = cancelled ? 'cancelled' : exitCode === 0 ? 'succeeded' : 'failed'
    const reason = cancelled ? view.reason : { code: exitCode === 0 ? 'exit-zero' : 'exit-code' }
    const seq = await this.#write(subjects.decisions, `${view.id}/end`, [
      state === 'cancelled'
        ? { type: 'cancelled', job: view.id, attempt: attempt.n, reason }
        : { type: 'finished', job: view.id, attempt: attempt.n, state, reason },
    ])
    Object.assign(view, { state, reason, finishedAt: iso(at), result: { exitCode, signal, cause, outputs: [] } })
    if (this.missNotices) return
    const notice: DoneNotice = {
      id: view.id,
      state,
      reason,
      exitCode,
      signal,
      cause,
      attempt: attempt.n,
      stdoutBytes: attempt.stdoutBytes,
      stderrBytes: attempt.stderrBytes,
      seq,
    }
    this.#broker.notices.publish(subjects.done(view.id), encode(notice))
  }

  async #write(subject: string, id: string, events: Event[]): Promise<number> {
    const bytes = encodeCommit({ v: 1, id, source: 'stand-in', time: Date.now(), events })
    const { sequence } = await this.#broker.log.append({ subject, id, bytes })
    while (this.#last < sequence) await new Promise((resolve) => setImmediate(resolve))
    return sequence
  }

  async #answer(name: QueryName, request: Record<string, unknown>): Promise<unknown> {
    const sequence = Number(request['atLeastSequence'] ?? 0)
    if (sequence > this.#last) await new Promise<void>((wake) => this.#waiting.push({ sequence, wake }))
    const answers: { [N in QueryName]: () => QueryAnswers[N] } = {
      job: () => this.#job(String(request['id'])),
      jobs: () => this.#page(request),
      hosts: () => ({ hosts: [], seq: this.#last }),
      events: () => this.#events(request),
      status: () => ({ seq: this.#last, jobs: this.jobs.size, events: 0, logCreatedMs: 0, counts: {} }),
    }
    return answers[name]()
  }

  #job(id: string): JobView {
    const found = [...this.jobs.keys()].filter((key) => key.startsWith(id))
    const view = this.jobs.get(id) ?? (found.length === 1 ? this.jobs.get(found[0]!) : undefined)
    if (view) return structuredClone(view)
    const code = found.length > 1 ? 'ambiguous-id' : 'not-found'
    throw Object.assign(new Error(`There is no job ${id}.`), { code })
  }

  #page(request: Record<string, unknown>): QueryAnswers['jobs'] {
    const states = request['state'] as string[] | undefined
    const limit = Number(request['limit'] ?? 100)
    const skip = Number(request['cursor'] ?? 0)
    const fitting = [...this.jobs.values()].reverse().filter((job) => !states || states.includes(job.state))
    const jobs = fitting.slice(skip, skip + limit).map((view) => ({
      ...view,
      exitCode: view.result?.exitCode ?? null,
      host: view.attempts.at(-1)?.host ?? null,
      command: view.spec.command,
    }))
    return { jobs, cursor: skip + limit < fitting.length ? String(skip + limit) : null, seq: this.#last }
  }

  #events(request: Record<string, unknown>): QueryAnswers['events'] {
    const { from = 0, job, limit = 100 } = request as { from?: number; job?: string; limit?: number }
    const events = this.messages
      .flatMap((message) => eventsOf(subjects, message))
      .filter((event) => event.position >= from && (job === undefined || event.data['job'] === job))
      .slice(0, limit)
    return { events, next: (events.at(-1)?.position ?? from - 1) + 1, seq: this.#last }
  }
}
