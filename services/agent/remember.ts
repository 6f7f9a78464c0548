/** What an agent before this one has left: the brain as the spool tells it. */
import type { Logger } from '#runtime'
import { UserError } from '#runtime'
import { type Brain, compactRecords, fold, newBrain } from './brain/index.ts'
import { Spool } from './spool/spool.ts'

export type Remembered = {
  brain: Brain
  spool: Spool
  /** The spool is about another log than the one that is there now: nothing in it means anything any more. */
  otherLog: boolean
}

const toldEveryMs = 10_000

export const remember = (
  data: string,
  host: string,
  incarnation: string,
  logCreatedMs: number,
  logger: Logger,
): Remembered => {
  const content = Spool.read(data)
  if (content.damaged > 0 || content.tornBytes > 0)
    logger.warn({ damaged: content.damaged, tornBytes: content.tornBytes }, 'the spool had a damaged part, passed over')
  const life = content.records.find((record) => record.t === 'life')
  if (life && life.host !== host)
    throw new UserError(
      'wrong-host',
      `The folder ${data} belongs to host ${life.host}, not to ${host}.`,
      `Give --host-id ${life.host}, or another --data folder.`,
      4,
    )
  let brain = newBrain(host, incarnation)
  for (const record of content.records) fold(brain, record)
  const otherLog = life !== undefined && brain.logCreatedMs !== logCreatedMs
  if (otherLog) {
    logger.warn({ attempts: brain.attempts.size }, 'the broker has another log than before; its attempts are dropped')
    brain = newBrain(host, incarnation)
  }
  let toldAtMs = Number.NEGATIVE_INFINITY
  const spool = Spool.open(data, content, {
    snapshot: () => compactRecords(brain),
    onTrouble: (err) => {
      if (performance.now() - toldAtMs < toldEveryMs) return
      toldAtMs = performance.now()
      logger.error({ err, code: err.code }, 'the spool can not be written; no orders are taken until it can')
    },
    onRecovered: () => logger.info('the spool can be written again'),
  })
  return { brain, spool, otherLog }
}
