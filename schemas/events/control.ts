/** Events that steer the cell itself: `mr.control.<event>`. */
import { type Static, Type } from '@sinclair/typebox'

export const LeaderClaimed = Type.Object(
  {
    type: Type.Literal('leader-claimed'),
    leader: Type.String({ minLength: 1, maxLength: 128, description: "Id of the scheduler's process." }),
  },
  { description: 'A scheduler leads from here on. The sequence of this message is the epoch.' },
)

export type LeaderClaimed = Static<typeof LeaderClaimed>
