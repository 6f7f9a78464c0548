/** A question that can't be answered: a stable code (schemas/queries.ts) and a sentence. */
export class QueryFailure extends Error {
  readonly code: 'not-found' | 'ambiguous-id' | 'bad-request' | 'not-yet'
  constructor(code: QueryFailure['code'], message: string) {
    super(message)
    this.name = 'QueryFailure'
    this.code = code
  }
}
