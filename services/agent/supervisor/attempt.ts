/**
 * One attempt, from its spawn to the proof that nothing of it lives.
 *
 *   spawn ─▶ running ─exit─▶ emptying ─▶ ended (reported once, through onEnd)
 *              │ stop, timeout            ▲
 *              └▶ TERM to the group ─grace─▶ KILL to the tree
 *
 * When the first process exits by itself, what it left behind is killed at once: background children don't outlive a
 * job. While being stopped, the whole tree has the grace to clean up. Must never signal a pid that was reaped.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { AttemptEnd, StartRequest } from '#process'
import { type Containment, lookAgainMs } from './containment/containment.ts'
import { markName, signalGroup } from './containment/process-group.ts'
import { type AttemptFiles, closeFiles, makeFiles, readTail } from './files.ts'
import type { FolderPool } from './folder-pool.ts'
import { lostEnd } from './journal.ts'
import { explainSpawnFailure } from './spawn-failure.ts'

export type StopCause = 'timeout' | 'cancelled' | 'lost'

export type AttemptContext = {
  data: string
  tailBytes: number
  killVerifyMs: number
  containment: Containment
  pool: FolderPool
}

/** setTimeout takes 31 bits of ms; a longer deadline is armed in pieces. */
const timerMsMax = 2 ** 30

export class RunningAttempt {
  readonly request: StartRequest
  readonly #context: AttemptContext
  readonly #onEnd: (end: AttemptEnd) => void
  readonly #onNoRoom: (text: string) => void
  pid = 0
  startedAtMs = 0
  #startedMonotonicMs = 0
  #endedAtMs = 0
  #exit: { code: number | null; signal: string | null } | null = null
  #stopping: StopCause | null = null
  #error: { code: string; message: string } | null = null
  #killAtMs = Number.POSITIVE_INFINITY
  #killed = false
  #looks = 0
  #cpuMs: number | undefined
  #ended = false
  #deadline: NodeJS.Timeout | null = null
  #killTimer: NodeJS.Timeout | null = null

  constructor(
    request: StartRequest,
    context: AttemptContext,
    onEnd: (end: AttemptEnd) => void,
    onNoRoom: (text: string) => void,
  ) {
    this.request = request
    this.#context = context
    this.#onEnd = onEnd
    this.#onNoRoom = onNoRoom
  }

  /** Spawns (`more`: another one follows at once). When `pid` is still 0 afterwards it could not be started; `onEnd` or `onNoRoom` is called in any case. */
  spawn(more: boolean): void {
    const { attemptId, command, env, stdin } = this.request
    let files: AttemptFiles
    try {
      files = makeFiles(this.#context.data, attemptId, stdin, this.#context.pool)
    } catch (error) {
      return this.#unspawned(filesFailure(error as NodeJS.ErrnoException))
    }
    const cwd = this.request.cwd ?? files.scratch
    const fail = (error: NodeJS.ErrnoException): void =>
      this.#unspawned(explainSpawnFailure(error, command[0]!, cwd, env['PATH'] ?? ''))
    try {
      const child = this.#context.containment.born(attemptId, more, () =>
        spawn(command[0]!, command.slice(1), {
          cwd,
          env: { ...env, [markName]: attemptId, MILLRACE_SCRATCH: files.scratch },
          detached: true,
          stdio: [files.stdin, files.stdout, files.stderr],
        }),
      )
      if (child.pid === undefined) child.once('error', fail)
      else this.#runs(child, child.pid)
    } catch (error) {
      fail(error as NodeJS.ErrnoException)
    } finally {
      closeFiles(files)
    }
  }

  /** Ends it: TERM, grace, KILL. Called again it can only shorten the grace. */
  stop(cause: StopCause, graceMs: number, error?: { code: string; message: string }): void {
    if (this.#ended || this.pid === 0) return
    const killAtMs = performance.now() + graceMs
    const first = this.#stopping === null
    if (first && this.#exit === null) {
      this.#stopping = cause
      this.#error = error ?? null
      signalGroup(this.pid, 'SIGTERM')
      // A stopped process would keep the TERM for later.
      signalGroup(this.pid, 'SIGCONT')
    }
    if (killAtMs >= this.#killAtMs) return
    this.#killAtMs = killAtMs
    if (this.#killTimer) clearTimeout(this.#killTimer)
    if (graceMs <= 0) this.#kill()
    else this.#killTimer = setTimeout(() => this.#kill(), graceMs)
  }

  #runs(child: ChildProcess, pid: number): void {
    this.pid = pid
    this.startedAtMs = Date.now()
    this.#startedMonotonicMs = performance.now()
    // 'exit', not 'close': a grandchild that holds an output file open must not delay anything.
    child.once('exit', (code, signal) => this.#exited(code, signal))
    child.on('error', () => {})
    if (this.request.timeoutMs !== null) this.#armDeadline(this.request.timeoutMs)
  }

  #armDeadline(leftMs: number): void {
    this.#deadline = setTimeout(
      () => (leftMs > timerMsMax ? this.#armDeadline(leftMs - timerMsMax) : this.stop('timeout', this.request.graceMs)),
      Math.min(leftMs, timerMsMax),
    )
  }

  #exited(code: number | null, signal: string | null): void {
    if (this.#ended) return
    this.#exit = { code, signal }
    this.#endedAtMs = performance.now()
    if (this.#deadline) clearTimeout(this.#deadline)
    this.#cpuMs = this.#context.containment.cpuMs(this.request.attemptId)
    const empty = this.#context.containment.isEmpty(this.request.attemptId, this.pid)
    if (empty === true) this.#end()
    else void this.#emptying(empty)
  }

  async #emptying(first: boolean | Promise<boolean>): Promise<void> {
    const { containment } = this.#context
    const { attemptId } = this.request
    // Not being stopped: nobody is owed a grace.
    if (!(await first) && this.#stopping === null) this.#kill()
    for (;;) {
      const cpuMs = containment.cpuMs(attemptId)
      if (cpuMs !== undefined) this.#cpuMs = cpuMs
      if (await containment.isEmpty(attemptId, this.pid)) break
      if (this.#ended) return
      // A process may fork between a look and a kill where there is no cgroup: kill again.
      if (this.#killed) containment.killAll(attemptId, this.pid, true)
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs(this.#looks++)))
    }
    this.#end()
  }

  #kill(): void {
    if (this.#ended || this.#killed) return
    this.#killed = true
    this.#looks = 0
    this.#context.containment.killAll(this.request.attemptId, this.pid, this.#exit !== null)
    if (this.#killTimer) clearTimeout(this.#killTimer)
    this.#killTimer = setTimeout(() => this.#unkillable(), this.#context.killVerifyMs)
  }

  /** A process in an uninterruptible sleep: said, not hidden. */
  #unkillable(): void {
    if (this.#ended) return
    this.#error = {
      code: 'kill-failed',
      message: `Something of the attempt still lives ${this.#context.killVerifyMs} ms after SIGKILL.`,
    }
    if (this.#exit === null) this.#endedAtMs = performance.now()
    this.#end()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#deadline) clearTimeout(this.#deadline)
    if (this.#killTimer) clearTimeout(this.#killTimer)
    const { data, tailBytes } = this.#context
    const out = readTail(data, this.request.attemptId, 'out', tailBytes)
    const err = readTail(data, this.request.attemptId, 'err', tailBytes)
    const wallMs = Math.max(0, Math.round(this.#endedAtMs - this.#startedMonotonicMs))
    this.#onEnd({
      attemptId: this.request.attemptId,
      cause: this.#stopping ?? (this.#exit?.signal ? 'signal' : 'exit'),
      exitCode: this.#exit?.code ?? null,
      signal: this.#exit?.signal ?? null,
      pid: this.pid,
      startedAtMs: this.startedAtMs,
      endedAtMs: this.startedAtMs + wallMs,
      usage: this.#cpuMs === undefined ? { wallMs } : { wallMs, cpuMs: this.#cpuMs },
      ...(this.#error ? { error: this.#error } : {}),
      stdoutBytes: out.bytes,
      stderrBytes: err.bytes,
      stdoutTail: out.tail,
      stderrTail: err.tail,
    })
  }

  #unspawned(error: { code: string; message: string }): void {
    const { attemptId } = this.request
    this.#ended = true
    void this.#context.containment.isEmpty(attemptId, 0)
    // The host's lack is not the job's failure.
    if (hostLacks.has(error.code)) return this.#onNoRoom(`${error.code}: ${error.message}`)
    this.#onEnd(lostEnd(attemptId, Date.now(), error, error.code === spawnedBefore ? 'lost' : 'spawn'))
  }
}

const spawnedBefore = 'spawned-before'
const hostLacks = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'])

const filesFailure = (error: NodeJS.ErrnoException): { code: string; message: string } =>
  error.code === 'EEXIST'
    ? { code: spawnedBefore, message: 'The folder of this attempt exists: it was spawned before.' }
    : { code: error.code ?? 'UNKNOWN', message: `The files of the attempt could not be made: ${error.message}` }
