/**
 * `npm start`: everything on this machine, and a first real job whose output and timeline are shown. Keeps serving;
 * with `-- --once` it leaves after the first job, exit code 0.
 */
import { Command } from 'commander'
import { connect, type JobView } from '#client'
import type { CloudEvent } from '#schemas'
import { failureOf, renderFailure } from './failure.ts'
import { stopSignal, up, upFlags, upOptions } from './up/index.ts'

/** Digits of π by Gibbons' spigot (2006): unbounded, exact, a line at a time. */
const program = `
let [q, r, t, k, n, l] = [1n, 0n, 1n, 1n, 3n, 3n], line = ''
for (let digits = 0; digits < 250; ) {
  if (4n * q + r - t < n * t) {
    line += n; digits++
    if (digits % 50 === 0) { console.log(line); line = '' }
    ;[q, r, n] = [10n * q, 10n * (r - n * t), (10n * (3n * q + r)) / t - 10n * n]
  } else [q, r, t, k, n, l] = [q * k, (2n * q + r) * l, t * l, k + 1n, (q * (7n * k + 2n) + r * l) / (t * l), l + 2n]
}`

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const firstJob = async (url: string): Promise<JobView> => {
  const millrace = await connect({ url })
  say('\nA first job: 250 digits of π\n')
  const job = await millrace.submit({ name: 'first-job', command: [process.execPath, '-e', program], timeout: '1m' })
  for await (const { stream, bytes } of job.output())
    (stream === 'stdout' ? process.stdout : process.stderr).write(bytes)
  const done = await job.wait()
  const view = await millrace.get(job.id, { atLeastSequence: done.seq })
  say(
    `\nJob ${job.id} ${view.state}: exit code ${view.result?.exitCode ?? '—'}, ${view.usage?.wallMs ?? 0} ms. What the log says of it:\n`,
  )
  let first: number | null = null
  for await (const event of millrace.events({ job: job.id })) {
    first ??= Date.parse(event.time)
    say(`  +${String(Date.parse(event.time) - first).padStart(5)} ms  ${line(event)}`)
  }
  await millrace.close()
  return view
}

const line = ({ type, position, source, data }: CloudEvent): string => {
  const name = type.split('.')[2]!.padEnd(10)
  const reason = (data['reason'] as { code?: string } | undefined)?.code
  const about = [data['host'] ? `on ${data['host']}` : '', data['pid'] ? `pid ${data['pid']}` : '', reason ?? '']
    .filter(Boolean)
    .join(', ')
  return `${name} ${about.padEnd(36)} ${source}, position ${position}`
}

const command = upFlags(new Command('millrace start'))
  .description('start everything, run a first job, keep serving')
  .option('--once', 'leave after the first job')

const flags = command.parse().opts()
const stopped = stopSignal()
try {
  const running = await up(upOptions(flags as Parameters<typeof upOptions>[0], (text) => say(`  ${text}`)))
  const first = firstJob(running.ready.url)
  await Promise.race([first, stopped])
  if (flags['once'] !== true) {
    say(`\nMillrace serves at ${running.ready.url}  (nats-server ${running.ready.nats})`)
    say('Try, in another terminal:  npx millrace run -- echo hello')
    say('Ctrl-C stops everything.')
    await stopped
  }
  say('stopping')
  await running.stop()
  process.exit(flags['once'] === true && (await first).state !== 'succeeded' ? 1 : 0)
} catch (error) {
  const failure = failureOf(error)
  process.stderr.write(renderFailure(failure, false))
  process.exit(failure.exitCode)
}
