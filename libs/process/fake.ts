/**
 * A supervisor without processes, for tests and the simulator: virtual time, and a function that says what each command
 * does. Passes the same contract suite as the real one. Deterministic: nothing happens but in a call to it.
 */
import type { Resources } from '#schemas'
import type {
  AttemptEnd,
  StartRequest,
  Supervisor,
  SupervisorAttempt,
  SupervisorEvents,
  SupervisorHello,
  SupervisorReport,
} from './port.ts'
import { RunQueue } from './run-queue.ts'

/** What a fake process does if nobody stops it. */
export type FakeRun =
  | { kind: 'fails-to-start'; code: string; message: string }
  | {
      kind: 'runs'
      /** null: until stopped. */
      forMs: number | null
      exitCode?: number
      signal?: string
      stdout?: string
      stderr?: string
      /** It ignores TERM and has to be killed. */
      deaf?: boolean
    }

type Running = {
  request: StartRequest
  pid: number
  startedAtMs: number
  run: Extract<FakeRun, { kind: 'runs' }>
  /** When it ends and how, by itself or by the kill ladder. */
  endsAtMs: number | null
  end: { cause: AttemptEnd['cause']; exitCode: number | null; signal: string | null }
  deadlineMs: number | null
  stopping: boolean
}

/** The supervisor's process: outlives connections. `kill` is its SIGKILL. */
export class FakeSupervisorProcess {
  readonly #behaviour: (request: StartRequest) => FakeRun
  readonly #queue: RunQueue<StartRequest>
  readonly #running = new Map<string, Running>()
  readonly #held = new Map<string, { started: SupervisorReport | null; final: SupervisorReport | null }>()
  #nowMs = 0
  #pids = 1000
  #connection: FakeConnection | null = null
  #leaveWhenIdle = false
  #ended = false

  constructor(behaviour: (request: StartRequest) => FakeRun, capacity: Resources) {
    this.#behaviour = behaviour
    this.#queue = new RunQueue(capacity)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  connect(events: SupervisorEvents): Supervisor {
    this.#connection?.drop(false)
    this.#leaveWhenIdle = false
    const connection = new FakeConnection(this, this.hello(), events)
    this.#connection = connection
    const reports: SupervisorReport[] = []
    for (const { started, final } of this.#held.values()) {
      if (started) reports.push(started)
      if (final) reports.push(final)
    }
    if (reports.length > 0) queueMicrotask(() => connection.report(reports))
    return connection
  }

  hello(): SupervisorHello {
    const attempts: SupervisorAttempt[] = this.#queue
      .ids()
      .map((attemptId) => ({ attemptId, state: 'waiting', pid: null }))
    for (const [attemptId, { pid }] of this.#running) attempts.push({ attemptId, state: 'running', pid })
    for (const [attemptId, { final }] of this.#held) {
      if (final) attempts.push({ attemptId, state: final.kind === 'ended' ? 'ended' : 'unstarted', pid: null })
    }
    return { pid: 4242, version: 'fake', bootId: 'fake', containment: 'fake', cgroupRoot: null, attempts }
  }

  /** Lets virtual time pass; everything that falls due happens in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#nextMs(); next !== null && next <= untilMs; next = this.#nextMs()) {
      this.#nowMs = Math.max(this.#nowMs, next)
      this.#act()
    }
    this.#nowMs = untilMs
  }

  /** SIGKILL: everything it knew is gone, but what stands in its journal, which `restart` reads. */
  kill(): void {
    this.#ended = true
    this.#connection?.drop(true)
    this.#connection = null
  }

  /** A new supervisor process on the same folder: what ran is lost, what waited was never spawned. */
  restart(): void {
    this.#ended = false
    for (const id of this.#queue.ids()) this.#queue.remove(id)
    for (const running of [...this.#running.values()]) {
      running.end = { cause: 'lost', exitCode: null, signal: null }
      this.#finish(running, { code: 'supervisor-died', message: 'The supervisor died.' })
    }
  }

  start(requests: readonly StartRequest[]): void {
    for (const request of requests) {
      const id = request.attemptId
      if (this.#running.has(id) || this.#held.has(id) || this.#queue.has(id)) continue
      this.#queue.push(request, this.#nowMs)
    }
    this.#fill()
  }

  stop(attemptId: string, graceMs: number): void {
    if (this.#queue.remove(attemptId)) return this.#unstarted(attemptId, 'stopped')
    const running = this.#running.get(attemptId)
    if (running) this.#stop(running, 'cancelled', graceMs)
  }

  forget(attemptIds: readonly string[]): void {
    for (const id of attemptIds) if (this.#held.get(id)?.final) this.#held.delete(id)
  }

  setCapacity(capacity: Resources): void {
    this.#queue.setCapacity(capacity)
    this.#fill()
  }

  shutdown(killAll: boolean): void {
    if (killAll) {
      for (const id of this.#queue.ids()) this.stop(id, 0)
      for (const running of [...this.#running.values()]) this.#stop(running, 'lost', 5_000)
      this.advance(5_000)
    }
    this.#leaveWhenIdle = true
    this.#leave()
  }

  #nextMs(): number | null {
    let next = this.#queue.nextExpiryMs()
    for (const { endsAtMs, deadlineMs, stopping } of this.#running.values()) {
      if (endsAtMs !== null && (next === null || endsAtMs < next)) next = endsAtMs
      if (!stopping && deadlineMs !== null && (next === null || deadlineMs < next)) next = deadlineMs
    }
    return next
  }

  #act(): void {
    for (const running of [...this.#running.values()]) {
      if (running.endsAtMs !== null && running.endsAtMs <= this.#nowMs) this.#finish(running)
      else if (!running.stopping && running.deadlineMs !== null && running.deadlineMs <= this.#nowMs)
        this.#stop(running, 'timeout', running.request.graceMs)
    }
    for (const { attemptId } of this.#queue.expire(this.#nowMs)) this.#unstarted(attemptId, 'queue-wait')
    this.#fill()
  }

  #fill(): void {
    for (let request = this.#queue.take(); request; request = this.#queue.take()) this.#spawn(request)
  }

  #spawn(request: StartRequest): void {
    const run = this.#behaviour(request)
    const pid = this.#pids++
    if (run.kind === 'fails-to-start') {
      this.#queue.release(request.resources)
      const end = { cause: 'spawn', exitCode: null, signal: null, pid: null, startedAtMs: null } as const
      this.#final(request, { ...end, usage: { wallMs: 0 }, error: { code: run.code, message: run.message } }, '', '')
      return
    }
    this.#running.set(request.attemptId, {
      request,
      pid,
      run,
      startedAtMs: this.#nowMs,
      endsAtMs: run.forMs === null ? null : this.#nowMs + run.forMs,
      end: run.signal
        ? { cause: 'signal', exitCode: null, signal: run.signal }
        : { cause: 'exit', exitCode: run.exitCode ?? 0, signal: null },
      deadlineMs: request.timeoutMs === null ? null : this.#nowMs + request.timeoutMs,
      stopping: false,
    })
    const started: SupervisorReport = { kind: 'started', attemptId: request.attemptId, pid, atMs: this.#nowMs }
    this.#held.set(request.attemptId, { started, final: null })
    this.#connection?.report([started])
  }

  #stop(running: Running, cause: AttemptEnd['cause'], graceMs: number): void {
    const killAtMs = this.#nowMs + graceMs
    if (running.stopping) {
      if (running.end.signal === 'SIGKILL' && (running.endsAtMs ?? killAtMs) > killAtMs) running.endsAtMs = killAtMs
      return
    }
    running.stopping = true
    const deaf = running.run.deaf === true || graceMs === 0
    running.end = { cause, exitCode: null, signal: deaf ? 'SIGKILL' : 'SIGTERM' }
    running.endsAtMs = deaf ? killAtMs : this.#nowMs
  }

  #finish(running: Running, error?: { code: string; message: string }): void {
    const { request, run, pid, startedAtMs, end } = running
    this.#running.delete(request.attemptId)
    this.#queue.release(request.resources)
    const usage = { wallMs: this.#nowMs - startedAtMs }
    const said = { ...end, pid, startedAtMs, usage, ...(error ? { error } : {}) }
    this.#final(request, said, run.stdout ?? '', run.stderr ?? '')
  }

  #final(
    request: StartRequest,
    end: Omit<AttemptEnd, 'attemptId' | 'endedAtMs' | 'stdoutBytes' | 'stderrBytes' | 'stdoutTail' | 'stderrTail'>,
    stdout: string,
    stderr: string,
  ): void {
    const tail = (text: string): string => Buffer.from(text).subarray(-4096).toString('base64')
    this.#settle(request.attemptId, {
      kind: 'ended',
      end: {
        ...end,
        attemptId: request.attemptId,
        endedAtMs: this.#nowMs,
        stdoutBytes: Buffer.byteLength(stdout),
        stderrBytes: Buffer.byteLength(stderr),
        stdoutTail: tail(stdout),
        stderrTail: tail(stderr),
      },
    })
  }

  #unstarted(attemptId: string, why: 'queue-wait' | 'stopped'): void {
    this.#settle(attemptId, { kind: 'unstarted', attemptId, why })
  }

  #settle(attemptId: string, final: SupervisorReport): void {
    this.#held.set(attemptId, { started: this.#held.get(attemptId)?.started ?? null, final })
    this.#connection?.report([final])
    this.#fill()
    if (this.#leaveWhenIdle) this.#leave()
  }

  #leave(): void {
    if (this.#ended || this.#running.size > 0 || this.#queue.waiting > 0) return
    this.kill()
  }
}

class FakeConnection implements Supervisor {
  readonly hello: SupervisorHello
  readonly #process: FakeSupervisorProcess
  readonly #events: SupervisorEvents
  #open = true

  constructor(process: FakeSupervisorProcess, hello: SupervisorHello, events: SupervisorEvents) {
    this.#process = process
    this.hello = hello
    this.#events = events
  }

  report(reports: readonly SupervisorReport[]): void {
    if (this.#open) this.#events.onReports(reports)
  }

  drop(died: boolean): void {
    if (!this.#open) return
    this.#open = false
    this.#events.onClosed(died)
  }

  start = (requests: readonly StartRequest[]): void => this.#do(() => this.#process.start(requests))
  stop = (attemptId: string, graceMs: number): void => this.#do(() => this.#process.stop(attemptId, graceMs))
  forget = (attemptIds: readonly string[]): void => this.#do(() => this.#process.forget(attemptIds))
  setCapacity = (capacity: Resources): void => this.#do(() => this.#process.setCapacity(capacity))
  close = (): void => {
    this.#open = false
  }
  async shutdown(killAll: boolean): Promise<void> {
    this.#do(() => this.#process.shutdown(killAll))
  }

  #do(action: () => void): void {
    if (this.#open) action()
  }
}
