/**
 * Whether the log still is the one that the archive holds the beginning of. Asked before the archive follows it, and
 * again whenever following broke: an archive must never go on over a hole, or mix two histories.
 */
import type { EventLog, LogInfo } from '#eventlog'
import { UserError } from '#runtime'
import { type ArchiveStore, leafHash } from '#store'

/** Answers what the log is like, or throws UserError `log-gap` or `log-rewound` (and BrokerError when it can't be asked). */
export const checkContinuity = async (
  log: EventLog,
  store: Pick<ArchiveStore, 'checkpoint' | 'log'>,
): Promise<LogInfo> => {
  const { sequence, logCreatedMs } = store.checkpoint
  const info = await log.info()
  if (info.last < sequence) throw rewound(`it ends at ${info.last}`, sequence)
  if (info.first > sequence + 1) throw gap(sequence, info.first)
  if (info.last > sequence && (await log.get(sequence + 1)) === null) throw gap(sequence, null)
  if (sequence === 0) return info
  const message = info.first <= sequence ? await log.get(sequence) : null
  if (message !== null) {
    const leaf = store.log.leaf(sequence)
    if (leaf === null || !leafHash(message).equals(leaf)) throw rewound('it holds another message there', sequence)
  } else if (info.createdMs !== logCreatedMs) {
    // The message itself was removed by the log's retention, so only the log's birth can tell.
    throw rewound('it is another log, made at another time', sequence)
  }
  return info
}

/** What the archive wants next is not there. `first`: where the log begins, when it begins behind that. */
const gap = (sequence: number, first: number | null): UserError =>
  new UserError(
    'log-gap',
    `The archive needs message ${sequence + 1} next, but the log ${first === null ? 'has a hole there' : `begins at ${first}`}: messages are lost.`,
    'Restore the broker’s data from a backup. To go on without the lost messages, start an empty namespace; the archive’s folder keeps what it has.',
  )

const rewound = (what: string, sequence: number): UserError =>
  new UserError(
    'log-rewound',
    `The log was rewound or replaced: the archive holds it up to message ${sequence}, but ${what}.`,
    'Restore the broker’s data. If the log is meant to be a new one, move the archive’s folder aside: it is built again from the log.',
  )
