/**
 * The AsyncAPI 3.0 document of a cell: its subjects as channels, who may do what on each as operations, and every
 * message with examples. Pure. It describes all roles at once, so an operation is named for the role that performs it.
 */
import { type EventType, eventDefinitions, type Writer } from '../events/index.ts'
import { JobSpec } from '../jobspec.ts'
import { limits } from '../limits.ts'
import { hostIdPattern, jobIdPattern } from '../names.ts'
import { HostView, type QueryName, queryRequests } from '../queries.ts'
import { subjectsOf } from '../subjects.ts'
import { exampleCommit, examplePublished } from './examples.ts'
import {
  cloudEventOf,
  commitOf,
  eventTypes,
  type Json,
  type JsonObject,
  plain,
  type Refer,
  typesOf,
} from './json-schema.ts'
import { answerError, answerSchemas, beat, doneNotice, lease, startedNotice } from './side-messages.ts'

const refer: Refer = (name) => `#/components/schemas/${name}`
const reference = (name: string): JsonObject => ({ $ref: refer(name) })
const subjects = subjectsOf('mr')
const queryNames = Object.keys(queryRequests) as QueryName[]

const parameters = {
  jobId: { description: `Id of a job: ${jobIdPattern}` },
  hostId: { description: `Id of a host: ${hostIdPattern}` },
  batchId: { description: 'Chosen by the client: one subject token.' },
  attempt: { description: 'Number of the attempt, from 1.' },
  stream: { enum: ['out', 'err'], description: 'stdout or stderr.' },
}
type ParameterName = keyof typeof parameters

const dedupe: JsonObject = {
  type: 'object',
  properties: {
    'Nats-Msg-Id': {
      type: 'string',
      description: "The message's own id: the broker drops a second copy within 2 minutes.",
    },
  },
}

const message = (name: string, payload: JsonObject, examples: JsonObject[], more: JsonObject = {}): JsonObject => ({
  name,
  contentType: 'application/json',
  payload,
  ...more,
  ...(examples.length === 0 ? {} : { examples }),
})

/** What may stand on a subject: commits of these events, each with an example. */
const commitMessage = (name: string, types: readonly EventType[]): JsonObject =>
  message(
    name,
    reference(name),
    types.map((type) => ({ name: type, payload: exampleCommit(type).commit as unknown as Json })),
    { headers: dedupe, summary: `A commit of ${types.join(', ')}.` },
  )

const cloudEventMessage = (type: EventType): JsonObject =>
  message(
    `${type}.cloudevent`,
    reference(`${type}.cloudevent`),
    [{ name: type, payload: examplePublished(type) as Json }],
    {
      headers: dedupe,
      summary: `${eventDefinitions[type].schema.description} (CloudEvents 1.0, for any language)`,
    },
  )

const commitNames = {
  decision: 'decisionCommit',
  order: 'orderCommit',
  fact: 'factCommit',
  control: 'controlCommit',
} as const satisfies Partial<Record<Writer, string>>
type LogWriter = keyof typeof commitNames

const channel = (address: string, description: string, names: ParameterName[], messages: JsonObject): JsonObject => ({
  address,
  description,
  ...(names.length === 0 ? {} : { parameters: Object.fromEntries(names.map((name) => [name, parameters[name]])) }),
  messages,
})

const logChannel = (address: string, writer: LogWriter, description: string, names: ParameterName[] = []): JsonObject =>
  channel(address, `${description} Stored in ${subjects.streams.log}.`, names, {
    commit: commitMessage(commitNames[writer], typesOf(writer)),
  })

/** One channel for each client event, so that the subject, the event and its schema stand together. */
const requestChannels = (): JsonObject =>
  Object.fromEntries(
    typesOf('client').map((type) => [
      type,
      channel(
        subjects.job('{jobId}', type),
        `${eventDefinitions[type].schema.description} Stored in ${subjects.streams.log}.`,
        ['jobId'],
        { commit: commitMessage(`${type}.commit`, [type]), cloudevent: cloudEventMessage(type) },
      ),
    ]),
  )

const channels = (): JsonObject => ({
  ...requestChannels(),
  batch: channel(
    subjects.batch('{batchId}'),
    `Many submissions at once, atomic: at most ${limits.commitEventsMax} and ${limits.commitBytesMax} bytes. Stored in ${subjects.streams.log}.`,
    ['batchId'],
    { commit: commitMessage('submitted.commit', ['submitted']) },
  ),
  decisions: logChannel(subjects.decisions, 'decision', "What the scheduler's leader decides about jobs."),
  orders: logChannel(subjects.orders('{hostId}'), 'order', "What the scheduler's leader orders a host to do.", [
    'hostId',
  ]),
  facts: logChannel(subjects.facts('{hostId}'), 'fact', 'What the agent of a host reports.', ['hostId']),
  control: logChannel(subjects.leaderClaimed, 'control', 'Who leads. Appended with expected-last-subject-sequence.'),
  beats: channel(
    subjects.beat('{hostId}'),
    `Heartbeats, one kept for each host in ${subjects.streams.beat}.`,
    ['hostId'],
    {
      beat: message('beat', beat.schema, [{ payload: beat.example }]),
    },
  ),
  lease: channel(subjects.leaderLease, `The leader's lease, one kept in ${subjects.streams.beat}.`, [], {
    lease: message('lease', lease.schema, [{ payload: lease.example }]),
  }),
  output: channel(
    subjects.output('{jobId}', '{attempt}' as unknown as number, '{stream}' as 'out'),
    `Output in chunks of at most ${limits.outputChunkBytesMax} bytes, kept in ${subjects.streams.output}.`,
    ['jobId', 'attempt', 'stream'],
    {
      chunk: { name: 'chunk', contentType: 'application/octet-stream', payload: { type: 'string', format: 'binary' } },
    },
  ),
  done: channel(
    subjects.done('{jobId}'),
    'How a job ended. Plain, not stored: subscribe before you submit; whoever missed it asks the archive.',
    ['jobId'],
    { done: message('done', doneNotice.schema, [{ payload: doneNotice.example as JsonObject }]) },
  ),
  started: channel(subjects.notice('{jobId}', 'started'), 'An attempt runs. Plain, not stored.', ['jobId'], {
    started: message('started', startedNotice.schema, [{ payload: startedNotice.example }]),
  }),
  ...Object.fromEntries(
    queryNames.map((name) => [
      `query-${name}`,
      channel(subjects.query(name), 'Request/reply: the archive answers.', [], {
        request: message(`${name}-request`, plain(queryRequests[name], refer), []),
      }),
    ]),
  ),
  ...Object.fromEntries(queryNames.map((name) => [`answer-${name}`, answerChannel(name)])),
})

const answerChannel = (name: QueryName): JsonObject => ({
  address: null,
  description: "The requester's inbox.",
  messages: {
    answer: message(`${name}-answer`, answerSchemas(refer)[name], []),
    error: message('error', answerError, [
      { payload: { error: { code: 'not-found', message: 'No job of this id.' } } },
    ]),
  },
})

const operation = (action: 'send' | 'receive', channelName: string, role: string, summary: string): JsonObject => ({
  action,
  channel: { $ref: `#/channels/${channelName}` },
  summary,
  tags: [{ name: role }],
})

const queryOperation = (name: QueryName): JsonObject => ({
  ...operation('send', `query-${name}`, 'client', `Asks the archive: ${name}.`),
  reply: {
    address: { location: '$message.header#/reply', description: 'The reply subject of the NATS request.' },
    channel: { $ref: `#/channels/answer-${name}` },
  },
})

const operations = (): JsonObject => ({
  ...Object.fromEntries(
    typesOf('client').map((type) => [
      `client-${type}`,
      operation('send', type, 'client', eventDefinitions[type].schema.description ?? type),
    ]),
  ),
  'client-submit-batch': operation('send', 'batch', 'client', 'Submits many jobs in one atomic message.'),
  'client-await-done': operation('receive', 'done', 'client', 'Waits for the end of a job.'),
  'client-await-started': operation('receive', 'started', 'client', 'Waits for the start of an attempt.'),
  'client-read-output': operation('receive', 'output', 'client', 'Reads what a job prints.'),
  'scheduler-decide': operation('send', 'decisions', 'scheduler', 'Decides about jobs.'),
  'scheduler-order': operation('send', 'orders', 'scheduler', 'Orders a host to run or end attempts.'),
  'scheduler-claim-leadership': operation('send', 'control', 'scheduler', 'Claims to lead from here on.'),
  'scheduler-renew-lease': operation('send', 'lease', 'scheduler', 'Shows every 500 ms that the leader lives.'),
  'scheduler-say-done': operation('send', 'done', 'scheduler', 'Says that a job ended, after the decision is in LOG.'),
  'scheduler-hear-beats': operation('receive', 'beats', 'scheduler', 'Hears which hosts live.'),
  'agent-take-orders': operation('receive', 'orders', 'agent', "Takes its host's orders, acknowledged once spooled."),
  'agent-report': operation('send', 'facts', 'agent', 'Reports what happened on its host.'),
  'agent-say-started': operation('send', 'started', 'agent', 'Says that an attempt runs, after the fact is in LOG.'),
  'agent-beat': operation('send', 'beats', 'agent', 'Shows every second that the host lives.'),
  'agent-ship-output': operation('send', 'output', 'agent', 'Ships what jobs print.'),
  ...Object.fromEntries(queryNames.map((name) => [`client-query-${name}`, queryOperation(name)])),
})

const schemas = (): JsonObject => ({
  JobSpec: plain(JobSpec, refer),
  Host: plain(HostView, refer),
  ...Object.fromEntries(eventTypes.map((type) => [type, plain(eventDefinitions[type].schema, refer)])),
})

/** Commits by channel; one for each client event has the event's own name with `.commit` behind it. */
const commitSchemas = (): JsonObject => ({
  ...Object.fromEntries(
    (Object.keys(commitNames) as LogWriter[]).map((writer) => [commitNames[writer], commitOf(typesOf(writer), refer)]),
  ),
  ...Object.fromEntries(typesOf('client').map((type) => [`${type}.commit`, commitOf([type], refer)])),
  ...Object.fromEntries(typesOf('client').map((type) => [`${type}.cloudevent`, cloudEventOf(type, refer)])),
})

export const asyncApiDocument = (version: string): JsonObject => ({
  asyncapi: '3.0.0',
  id: 'urn:millrace:cell',
  info: {
    title: 'Millrace',
    version,
    description:
      'Every state change of every job is an event in one ordered NATS JetStream log. A LOG message is a commit: one or more events, atomic. Foreign clients may publish one CloudEvent 1.0 instead. `mr` is the namespace of the cell.',
    license: { name: 'Apache-2.0' },
  },
  defaultContentType: 'application/json',
  servers: {
    local: { host: 'localhost:4222', protocol: 'nats', description: 'A nats-server with JetStream, 2.10 or newer.' },
  },
  channels: channels(),
  operations: operations(),
  components: { schemas: { ...schemas(), ...commitSchemas() } },
})
