/** How long the SDK over NATS waits for what may never come. Every one of them has an answer from the archive behind it. */
export type Waits = {
  /** Between two rounds of asking the archive about jobs whose notice may have been missed. */
  checkMs: number
  /** How long nobody may answer a query before it fails: an archive restarts within it. */
  archiveMs: number
  /** How long chunks of an ended attempt may still be on their way, counted from the last one that came. */
  stragglerMs: number
}

export const waitsDefault: Waits = { checkMs: 5_000, archiveMs: 3_000, stragglerMs: 3_000 }
