/**
 * One LOG message for each event, built from the example in its definition: what the documents show and the tests
 * put through the codec. Pure; every time in it is fixed, so that the generated files don't change by themselves.
 */
import { type CloudEvent, toCloudEvent } from '../cloudevent.ts'
import type { Commit } from '../commit.ts'
import { type Event, type EventType, eventDefinitions, type Writer } from '../events/index.ts'
import { positionOf } from '../limits.ts'
import { attemptIdOf } from '../names.ts'
import { subjectsOf } from '../subjects.ts'

const subjects = subjectsOf('mr')
const host = 'host-1'
const timeMs = 1_795_000_000_200

const headers: Record<Writer, Pick<Commit, 'source' | 'actor' | 'epoch' | 'plan'>> = {
  client: { source: 'shop/orders', actor: 'ada' },
  decision: {
    source: 'scheduler/scheduler-a1',
    epoch: 17,
    plan: { input: 86016, now: timeMs, policy: 'first-fit-1', pass: 4 },
  },
  order: {
    source: 'scheduler/scheduler-a1',
    epoch: 17,
    plan: { input: 86016, now: timeMs, policy: 'first-fit-1', pass: 4 },
  },
  fact: { source: `agent/${host}` },
  control: { source: 'scheduler/scheduler-a1' },
}

/** The event of a definition's example. */
export const exampleEvent = (type: EventType): Event => eventDefinitions[type].example as unknown as Event

/** Subject on which an event of this type stands, with names put in. */
export const subjectFor = (type: EventType, names: { job: string; host: string }): string => {
  switch (eventDefinitions[type].writer) {
    case 'client':
      return subjects.job(names.job, type)
    case 'decision':
      return subjects.decisions
    case 'order':
      return subjects.orders(names.host)
    case 'fact':
      return subjects.facts(names.host)
    case 'control':
      return `${subjects.namespace}.control.${type}`
  }
}

const commitId = (type: EventType, event: Event): string => {
  switch (eventDefinitions[type].writer) {
    case 'client':
      return `${(event as { job: string }).job}/${type}`
    case 'decision':
    case 'order':
      return 'plan/17/4/0'
    case 'fact':
      return 'attempt' in event
        ? `${attemptIdOf(event.job, event.attempt!)}/${type}`
        : `${host}/01k9j3s4x8m6q2v1/${type}`
    case 'control':
      return `scheduler-a1/${type}/16`
  }
}

/** A whole LOG message with the example as its only event. */
export const exampleCommit = (type: EventType): { subject: string; commit: Commit } => {
  const event = exampleEvent(type)
  const { writer } = eventDefinitions[type]
  const job = 'job' in event ? event.job : ''
  return {
    subject: subjectFor(type, { job, host }),
    commit: { v: 1, id: commitId(type, event), ...headers[writer], time: timeMs, events: [event] },
  }
}

/** The same message as it is read at the edges. */
export const exampleCloudEvent = (type: EventType): CloudEvent => {
  const { commit } = exampleCommit(type)
  const { writer } = eventDefinitions[type]
  const where = { position: positionOf(22, 0), brokerTimeMs: timeMs + 1 }
  return toCloudEvent(commit, commit.events[0]!, writer === 'order' || writer === 'fact' ? { ...where, host } : where)
}

/** The least that a foreign client has to publish on the subject of `exampleCommit` for a client event. */
export const examplePublished = (type: EventType): Record<string, unknown> => {
  const { id, source, type: name, actor, data } = exampleCloudEvent(type)
  const { job: _job, ...fields } = data
  return { specversion: '1.0', id, source, type: name, ...(actor === undefined ? {} : { actor }), data: fields }
}
