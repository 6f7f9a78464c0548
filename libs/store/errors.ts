/** What can be wrong with a database file, told so that a person can act on it. Codes are stable. */

/** A database that can't be used as it is: what happened, and what to do (`hint`). Services turn it into a UserError. */
export class StoreError extends Error {
  readonly code: StoreErrorCode
  readonly hint: string
  constructor(code: StoreErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
    this.hint = hint
  }
}

export type StoreErrorCode =
  | 'data-folder'
  | 'in-use'
  | 'not-a-database'
  | 'foreign-database'
  | 'newer-database'
  | 'other-namespace'

const codeOf = (error: unknown): string => {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : ''
}

/**
 * True when the disk is the trouble (full, quota, file-size limit, I/O errors): the transaction was rolled back, nothing
 * is lost, and the same may be tried again later.
 */
export const isStorageTrouble = (error: unknown): boolean => /^SQLITE_(FULL|IOERR)/.test(codeOf(error))

/** True when the file holds something that SQLite can't make sense of. */
export const isDamage = (error: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))

/** True when another connection holds the lock. */
export const isBusy = (error: unknown): boolean => codeOf(error).startsWith('SQLITE_BUSY')
