/**
 * Every reason that a decision can carry: a stable code and the sentence for people. An event holds the
 * code, and a text only where it says more than the sentence here.
 */
export const reasons = {
  'first-fit': 'Placed on the first host with enough free capacity.',
  'order-ahead': 'Ordered ahead of a free slot, because jobs of this kind are short.',
  'no-hosts': 'No host has joined yet.',
  'no-host-fits': 'No host is large enough for the resources asked for.',
  'no-free-capacity': 'Every host that is large enough is busy.',
  'host-absent': 'The host that was asked for has not joined.',
  'host-unreachable': 'The host that was asked for is out of reach.',
  'exit-zero': 'The command ended with exit code 0.',
  'exit-code': 'The command ended with a non-zero exit code.',
  signal: 'The command was ended by a signal.',
  timeout: 'The command ran longer than its time limit and was ended.',
  spawn: 'The command could not be started.',
  lost: 'The attempt was lost with its host or supervisor.',
  'host-silent': 'The host has sent no heartbeat for too long.',
  'host-back': 'The host is heard again.',
  'not-in-inventory': 'The host came back without this attempt.',
  'host-rebooted': 'The host was restarted; nothing of before can still run.',
  superseded: 'Another attempt of the job has taken its place.',
  cancelled: 'Somebody asked to cancel the job.',
  'retry-within-policy': 'The attempt failed and the job has retries left.',
  'retry-after-loss': 'The attempt was lost, which does not count against the retries.',
  'retries-exhausted': 'The attempt failed and no retries are left.',
  'losses-exhausted': 'The job was lost too often.',
  'refusals-exhausted': 'Hosts gave the job back too often.',
  'on-lost-fail': 'The attempt was lost and the spec says that a loss fails the job.',
  'host-queue-wait': 'The attempt waited too long on its host behind others and was given back.',
  'host-refused': 'The host could not take the attempt.',
  'host-leaving': 'The host is leaving.',
  schema: 'The submission does not fit its schema.',
  'unknown-version': 'The submission is of a version that is not known here.',
  'too-large': 'The submission is over a size limit.',
  'id-taken': 'Another job with this id and a different spec exists.',
  'requested-again': 'Somebody asked to retry at once.',
} as const

export type ReasonCode = keyof typeof reasons
export type Reason = { code: string; text?: string }

/** The sentence of a reason: its own text, else the catalogue's, else its code. */
export const reasonText = (reason: Reason): string =>
  reason.text ?? (Object.hasOwn(reasons, reason.code) ? reasons[reason.code as ReasonCode] : reason.code)
