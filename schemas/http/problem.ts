/**
 * Problem documents (RFC 9457): the only form in which the gateway says no. `code` is stable and is what programs
 * branch on; `detail` and `hint` are sentences for people. The HTTP status of a code is the gateway's affair.
 */
import { type Static, Type } from '@sinclair/typebox'

export const problemMediaType = 'application/problem+json'

export const ProblemFault = Type.Object({
  pointer: Type.String({ description: 'JSON pointer (RFC 6901) to what is wrong in the body that was sent.' }),
  message: Type.String(),
})

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Always about:blank: `code` says which kind it is.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.Optional(Type.String({ description: 'Id of the request, as in the gateway’s log.' })),
    code: Type.String({ description: 'Stable: bad-request, refused, not-found, id-taken, archive-unreachable, …' }),
    hint: Type.Optional(Type.String({ description: 'What to do about it.' })),
    faults: Type.Optional(Type.Array(ProblemFault)),
  },
  { $id: 'Problem', title: 'Problem', description: 'RFC 9457 problem document.' },
)
export type Problem = Static<typeof Problem>
