/**
 * Checks what is to be submitted before anything is published: a spec that does not fit is refused here, with a
 * JSON pointer for each fault, and never reaches the log. Job ids from idempotency keys are made here too.
 */
import { createHash } from 'node:crypto'
import { eventFaults, type Fault, isJobId, type JobDocument, type JobSpec, limits } from '#schemas'
import { ClientError } from './errors.ts'

export type CheckedDocument = { readonly id: string | null; readonly spec: JobSpec; readonly bytes: number }

const shown = (faults: readonly Fault[]) => faults.map((f) => `${f.pointer || '/'}: ${f.message}`).join('; ')

const refused = (faults: readonly Fault[], at = ''): ClientError =>
  new ClientError('refused', `The job does not fit its schema: ${shown(faults)}`, {
    faults: at === '' ? faults : faults.map((f) => ({ ...f, pointer: at + f.pointer })),
  })

/**
 * The spec and id of a document. Throws ClientError `refused`. `at` is the pointer of the document in what
 * was sent (`/jobs/3`), '' when it is the whole.
 */
export const checkDocument = (document: unknown, at = ''): CheckedDocument => {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw refused([{ pointer: '', message: 'Expected an object.' }], at)
  const { id, ...given } = document as JobDocument
  if (id !== undefined && !(typeof id === 'string' && isJobId(id)))
    throw refused(
      [{ pointer: '/id', message: 'Expected 1 to 64 letters, digits, - or _, the first a letter or digit.' }],
      at,
    )
  // What is stored is JSON: undefined members and prototypes must not make a difference later.
  const text = JSON.stringify(given)
  const bytes = Buffer.byteLength(text)
  if (bytes > limits.specBytesMax)
    throw refused([{ pointer: '', message: `The spec has ${bytes} bytes; the limit is ${limits.specBytesMax}.` }], at)
  const spec = JSON.parse(text) as JobSpec
  const faults = eventFaults('submitted', { type: 'submitted', job: id ?? 'x', spec })
  if (faults.length > 0)
    throw refused(
      faults.map((f) => ({ ...f, pointer: f.pointer.replace(/^\/spec/, '') })),
      at,
    )
  return { id: id ?? null, spec, bytes }
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** The job id of an idempotency key: `k` and 25 characters of its SHA-256 in base 32. The same key is the same job. */
export const jobIdOfKey = (key: string): string => {
  if (key === '' || key.length > 256)
    throw new ClientError('refused', 'An idempotency key has 1 to 256 characters.', {
      faults: [{ pointer: '', message: 'The idempotency key is empty or too long.' }],
    })
  let digest = BigInt(`0x${createHash('sha256').update(key).digest('hex')}`)
  let text = ''
  for (let index = 0; index < 25; index++) {
    text += alphabet[Number(digest & 31n)]!
    digest >>= 5n
  }
  return `k${text}`
}
