/** A job for people: its line in a list, its page, its timeline. Pure: `nowMs` and colours are given. */
import { type CloudEvent, type JobSummary, type JobView, reasonText } from '#schemas'
import type { Session } from '../terminal.ts'
import { agoText, betweenMs, cpuText, durationText, sizeText } from './quantity.ts'
import { cut, fields, safe, table } from './table.ts'

type Colors = Session['colors']

const stateColor = (state: string, colors: Colors): string => {
  const paint: Record<string, (text: string) => string> = {
    succeeded: colors.green,
    failed: colors.red,
    rejected: colors.red,
    cancelled: colors.yellow,
    running: colors.cyan,
    retrying: colors.yellow,
    stopping: colors.yellow,
  }
  return (paint[state] ?? ((text: string) => text))(state)
}

/** A command as a person would type it. */
export const commandText = (command: readonly string[]): string =>
  command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')

export const jobTable = (jobs: readonly JobSummary[], nowMs: number, width: number, colors: Colors): string[] => {
  const rows = jobs.map((job) => [
    job.id,
    stateColor(job.state, colors),
    safe(job.queue),
    job.exitCode === null ? '' : String(job.exitCode),
    job.host ?? '',
    agoText(job.submittedAt, nowMs),
    durationText(
      job.startedAt === null ? null : (betweenMs(job.startedAt, job.finishedAt) ?? nowMs - Date.parse(job.startedAt)),
    ),
    safe(job.name === job.command[0] ? commandText(job.command) : `${job.name}: ${commandText(job.command)}`),
  ])
  const titles = ['ID', 'STATE', 'QUEUE', 'EXIT', 'HOST', 'SUBMITTED', 'RAN', 'COMMAND']
  const columns = titles.map((title) => ({ title: colors.dim(title), right: title === 'EXIT' || title === 'RAN' }))
  const fixed = table(
    columns.slice(0, -1),
    rows.map((row) => row.slice(0, -1)),
  )
  const room = Math.max(
    12,
    width -
      Math.max(
        ...table(
          titles.slice(0, -1).map((title) => ({ title })),
          rows.map((row) => row.slice(0, -1).map(plain)),
        ).map((line) => line.length),
      ) -
      2,
  )
  return fixed.length === 0
    ? []
    : table(
        columns,
        rows.map((row) => [...row.slice(0, -1), cut(row.at(-1)!, room)]),
      )
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with ESC
const plain = (text: string) => text.replace(/\u001b\[[0-9;]*m/g, '')

/** The page of `show`. */
export const jobPage = (job: JobView, events: readonly CloudEvent[], nowMs: number, colors: Colors): string[] => {
  const { result, spec, usage } = job
  const asked = [
    `${spec.cpus ?? 1} CPU`,
    ...(spec.memory === undefined ? [] : [`${spec.memory} memory`]),
    ...Object.entries(spec.resources ?? {}).map(([name, n]) => `${n} ${name}`),
  ].join(', ')
  const ended = result?.signal
    ? `signal ${result.signal}`
    : result && result.exitCode !== null
      ? `exit code ${result.exitCode}`
      : ''
  const head: [string, string][] = [
    ['job', colors.bold(job.id)],
    ['name', safe(job.name)],
    ['state', `${stateColor(job.state, colors)}${ended === '' ? '' : ` (${ended})`}`],
    ['reason', safe(reasonText(job.reason))],
    ...(result?.error ? [['error', safe(`${result.error.code}: ${result.error.message}`)] as [string, string]] : []),
    ...(job.faults ?? []).map(({ pointer, message }): [string, string] => [
      'fault',
      `${pointer || '/'}: ${safe(message)}`,
    ]),
    ['command', safe(commandText(spec.command))],
    ['queue', `${safe(job.queue)}, priority ${job.priority}`],
    ['asks for', asked],
    ...Object.entries(job.labels).map(([key, value]): [string, string] => ['label', safe(`${key}=${value}`)]),
    ...(job.actor === null ? [] : [['submitted by', safe(job.actor)] as [string, string]]),
    ['submitted', whenText(job.submittedAt, nowMs)],
    ['started', whenText(job.startedAt, nowMs)],
    ['finished', whenText(job.finishedAt, nowMs)],
    ...(usage ? [['used', usageText(usage)] as [string, string]] : []),
  ]
  const lines = fields(head.map(([label, value]) => [colors.dim(label), value]))
  if (events.length > 0) lines.push('', colors.dim('timeline'), ...timeline(events, colors))
  return lines
}

const whenText = (time: string | null, nowMs: number): string =>
  time === null ? '—' : `${time} (${agoText(time, nowMs)})`

export const usageText = (usage: { cpuMs?: number; memoryBytesMax?: number; wallMs: number }): string =>
  [
    `${durationText(usage.wallMs)} wall`,
    ...(usage.cpuMs === undefined ? [] : [`${durationText(usage.cpuMs)} CPU`]),
    ...(usage.memoryBytesMax === undefined ? [] : [`${sizeText(usage.memoryBytesMax)} memory at most`]),
  ].join(', ')

/** What happened, each with the time since the first. */
export const timeline = (events: readonly CloudEvent[], colors: Colors): string[] => {
  const first = Date.parse(events[0]?.time ?? '')
  const rows = events.map((event) => [
    colors.dim(`+${durationText(Date.parse(event.time) - first)}`),
    eventName(event),
    colors.dim(event.source),
    safe(eventDetail(event)),
  ])
  const columns = ['', '', '', ''].map((title, n) => ({ title, right: n === 0 }))
  return table(columns, rows)
    .slice(1)
    .map((line) => `  ${line}`)
}

/** `millrace.job.submitted.v1` → `submitted`. */
export const eventName = (event: CloudEvent): string => event.type.split('.')[2] ?? event.type

export const eventDetail = (event: CloudEvent): string => {
  const data = event.data as Record<string, unknown> & {
    reason?: { code: string; text?: string } | string
    capacity?: { cpuMilli: number }
  }
  const reason = typeof data.reason === 'object' && data.reason !== null ? reasonText(data.reason) : (data.reason ?? '')
  return [
    ...(data['host'] === undefined ? [] : [`on ${data['host']}`]),
    ...(data['attempt'] === undefined ? [] : [`attempt ${data['attempt']}`]),
    ...(data['pid'] === undefined ? [] : [`pid ${data['pid']}`]),
    ...(data['exitCode'] === undefined || data['exitCode'] === null ? [] : [`exit code ${data['exitCode']}`]),
    ...(data['signal'] ? [`signal ${data['signal']}`] : []),
    ...(data['state'] ? [String(data['state'])] : []),
    ...(data.capacity ? [`${cpuText(data.capacity.cpuMilli)} CPU`] : []),
    ...(reason === '' ? [] : [reason]),
  ].join(' · ')
}
