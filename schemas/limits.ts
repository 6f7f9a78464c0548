/**
 * Every bound of the house, with its reason. Nothing in Millrace grows without one.
 * This file holds numbers only; units stand last in each name.
 */
export const limits = {
  /** One LOG message: small enough that a slow consumer never stalls for long, far below the server's 1 MiB. */
  commitBytesMax: 256 * 1024,
  /** A position is `sequence × 4096 + index`, so a commit can't hold more events than that. */
  commitEventsMax: 4096,
  /** Levels of brackets in a LOG message: JSON.parse takes any depth, but whoever prints the value again (JSON.stringify) overflows the stack. */
  nestingMax: 64,
  /** One spec after JSON encoding: half a commit, so that one spec always fits in one with its envelope. */
  specBytesMax: 128 * 1024,
  /** Linux refuses a single argument above 128 KiB (MAX_ARG_STRLEN); we stay below it. */
  argumentBytesMax: 64 * 1024,
  argumentsMax: 1024,
  environmentVariablesMax: 512,
  environmentValueBytesMax: 32 * 1024,
  labelsMax: 64,
  labelBytesMax: 256,
  nameBytesMax: 128,
  /** stdin given inline; larger input belongs into a file. */
  stdinBytesMax: 64 * 1024,
  retriesMax: 1000,
  /** Losses of a host don't count against `retries`, but a job that loses every host it meets must end. */
  lossesMax: 5,
  /** An attempt given back unspawned (`refused`) is placed again this often before the job fails. */
  refusalsMax: 20,
  /** 366 days: a longer time limit is a typing error. */
  durationMsMax: 366 * 24 * 3600 * 1000,
  /** Times beyond this can't be printed as a date (ECMAScript: 100,000,000 days to both sides of 1970). */
  dateMsMax: 8_640_000_000_000_000,
  graceMsMax: 5 * 60 * 1000,
  graceMsDefault: 10_000,
  customResourcesMax: 32,
  /** Ids of finished jobs that the fold remembers, so that a late copy of a submit starts nothing twice. */
  finishedIdsKept: 100_000,
  /** Attempts on one host: as many processes as one kernel (pid_max 32768) takes with room to spare. */
  attemptsPerHostMax: 20_000,
  /** Malformed submissions waiting for their `rejected`; more are counted and passed over. */
  refusalsPendingMax: 10_000,
  faultsPerRejectionMax: 16,
  /** Characters of a fault's pointer and of its message: they quote what a stranger sent, and `rejected` must fit into a commit. */
  faultTextMax: 512,
  reasonTextBytesMax: 1024,
  /** The last bytes of stdout and of stderr that travel inside `exited`. */
  tailBytesMax: 4096,
  /** One message of MR_OUTPUT. */
  outputChunkBytesMax: 128 * 1024,
  outputStreamBytesMax: 1024 * 1024 * 1024,
  outputStreamAgeMsMax: 7 * 24 * 3600 * 1000,
  /** Bytes of one attempt's stdout or stderr that are shipped to MR_OUTPUT; the rest stays in the file on the host. */
  outputShippedBytesMax: 16 * 1024 * 1024,
  logBytesMax: 64 * 1024 * 1024 * 1024,
  filesStreamBytesMax: 4 * 1024 * 1024 * 1024,
  dedupeWindowMs: 120_000,
  /** Orders ahead of free slots (short jobs only): at most this many times a host's capacity. */
  orderAheadFactorMax: 64,
  /** … and at most this much expected work for each slot. */
  orderAheadMs: 100,
  /** An attempt that waits on its host longer than this behind others is given back to the scheduler. */
  hostQueueWaitMsMax: 2_000,
  /** Run-time estimates (one a command name and queue) that the fold keeps. */
  estimatesKept: 1024,
  placementsPerPassMax: 4096,
  jobsPerBatchMax: 100_000,
  listPageMax: 1000,
  httpBodyBytesMax: 64 * 1024 * 1024,
} as const

/** Time constants of liveness; checked for consistency by a test (research/reliability §8). Milliseconds. */
export const timing = {
  heartbeatMs: 1_000,
  suspectAfterMs: 3_000,
  lostAfterMsDefault: 60_000,
  leaderRenewMs: 500,
  leaderStopMs: 1_500,
  leaderClaimMs: 2_000,
  leaderClaimJitterMs: 300,
  killVerifyMs: 2_000,
  pingIntervalMs: 2_000,
  pingsOutMax: 2,
  publishResendMs: 2_000,
  consumerStallMs: 6_000,
} as const

/** Sequence × this + index in the message = position. */
export const positionFactor = 4096

/** Joins a LOG sequence and an index in its message to the one integer that orders all events. */
export const positionOf = (sequence: number, index: number): number => sequence * positionFactor + index
/** The LOG sequence of a position. */
export const sequenceOf = (position: number): number => Math.floor(position / positionFactor)
