/**
 * Leadership of a cell: which scheduler decides. Pure: no clock, no I/O; monotonic milliseconds come in with the
 * inputs, what has to be done goes out as outputs (step.ts).
 *
 * ## What is promised
 * Two things that are kept apart on purpose:
 * 1. **Safety comes from the log alone.** A scheduler leads from the moment in which it sees its own `leader-claimed`
 *    in LOG; that message's sequence is its epoch. The broker takes a claim only when the subject's last message is
 *    the one that the claimer expected, so of claimers who know the same predecessor exactly one wins. Every reader
 *    ignores a decision whose epoch is not the newest claim before it. So whatever a paused, cut off or confused
 *    leader still writes has no effect; no clock takes part in that.
 * 2. **Liveness comes from a lease.** The leader renews it every 500 ms on a side stream. It only says when
 *    *trying* to claim makes sense. Wrong timing costs a needless change of leader, never a wrong decision.
 *
 * ## States
 *
 *                  no claim ever: at once                  own claim seen in LOG
 *                  silent for 2 s + jitter                 (ack alone is not enough)
 *    ┌───────────┐ resigned: jitter only   ┌──────────┐                     ┌─────────┐
 *    │ following │ ──────claim───────────▶ │ claiming │ ───────lead───────▶ │ leading │──┐ every 500 ms
 *    └───────────┘                         └──────────┘                     └─────────┘◀─┘ renew
 *      ▲   ▲   ▲     refused, or another's      │                               │
 *      │   │   └──────claim seen in LOG─────────┘        newer epoch seen, no renewal acknowledged
 *      │   │                                             for 1.5 s, or slept that long: step-down
 *      │   │        a lease or claim of                                         │
 *      │   │        somebody else seen             ┌─────────┐                  │
 *      │   └───────────────────────────────────────│ deposed │ ◀────────────────┘
 *      │                                           └─────────┘
 *      └ start                                          │ silent for 2 s + jitter ──claim──▶ claiming
 *
 * ## Failure by failure
 * - *Leader dies*: renewals end; after 2 s (+ 0–300 ms jitter, so that standbys rarely claim together) a standby claims.
 * - *Leader stops on purpose*: it writes a last lease with renewal 0 (`resigned`); standbys claim after their jitter.
 * - *Leader is paused*: the renewal that it counts from is the one it **sent** before the pause; 1.5 s after that it
 *   may not decide (`mayDecide`), even before a tick has told it. 1.5 s from sending end before 2 s from seeing.
 * - *Standby is paused*: time that it slept through is not counted as silence, renewals may be waiting in its socket.
 * - *Renewals get lost, the log is fine*: the leader stops by itself after 1.5 s.
 * - *The answer to a claim gets lost*: nothing waits for it; the claim is seen in LOG, or a newer one is.
 * - *A claim comes back late* (the broker was away, or the claimer slept): it leads at once, because everybody else waits
 *   since they saw that claim. Should one of them have waited it out already, the log says so next; until then two may
 *   decide at a time, the older one without effect. Only so: whose claim came back within 500 ms is alone while it may decide.
 * - *A claim is refused*: somebody was faster, or the fold is behind: wait the full time again.
 * - *The lease's stream was wiped* (it lives in memory) or nobody leads at start: full wait, then claim.
 * - *A machine is suspended*: monotonic clocks may stand still meanwhile. The log's fence holds; the newer claim deposes.
 */

/** A `leader-claimed` as seen in LOG. */
export type Claim = { readonly epoch: number; readonly leader: string }
/** What is seen on the lease's subject. `renewal` counts from 1 in each reign; 0 means that the holder resigned. */
export type Lease = { readonly leader: string; readonly epoch: number; readonly renewal: number }

export type StepDownReason = 'superseded' | 'no-renewal' | 'paused' | 'resigned'

type Known = {
  /** Own name; must be unique to this life of the process, else an older life's claim would be taken for our own. */
  readonly self: string
  readonly jitterMs: number
  /** Newest claim that the fold has seen. */
  readonly newest: Claim | null
  readonly lease: Lease | null
  /** Instant from which on a claim is in order, if nothing changes before. */
  readonly claimAtMs: number
  readonly tickAtMs: number
}
export type Following = Known & { readonly kind: 'following' }
export type Claiming = Known & { readonly kind: 'claiming'; readonly expected: number }
export type Leading = Known & {
  readonly kind: 'leading'
  readonly epoch: number
  readonly renewal: number
  readonly renewAtMs: number
  /** When the newest acknowledged renewal was sent (at first: when the claim was seen). */
  readonly heldSinceMs: number
}
export type Deposed = Known & { readonly kind: 'deposed'; readonly epoch: number; readonly reason: StepDownReason }
export type LeaderState = Following | Claiming | Leading | Deposed

export type LeaderInput =
  | { readonly type: 'leaseSeen'; readonly lease: Lease; readonly atMs: number }
  | { readonly type: 'claimSeenInLog'; readonly claim: Claim; readonly atMs: number }
  | { readonly type: 'claimResult'; readonly won: boolean; readonly atMs: number }
  /** A renewal was acknowledged; `sentAtMs` is when it was handed to the connection. */
  | { readonly type: 'renewed'; readonly epoch: number; readonly sentAtMs: number; readonly atMs: number }
  /** Some ten times a second, from the moment in which the fold has caught up with the log. */
  | { readonly type: 'tick'; readonly atMs: number }
  /** The process stops on purpose. */
  | { readonly type: 'resign'; readonly atMs: number }

export type LeaderOutput =
  | { readonly type: 'claim'; readonly expectedLastSubjectSequence: number }
  | { readonly type: 'renew'; readonly epoch: number; readonly renewal: number }
  | { readonly type: 'lead'; readonly epoch: number }
  | { readonly type: 'step-down'; readonly epoch: number; readonly reason: StepDownReason }

export type LeaderStep = { readonly state: LeaderState; readonly outputs: readonly LeaderOutput[] }
