/**
 * `npm run bench [-- --rounds 5 --jobs 2000 --fast --json FILE]`: everything in one run on one machine, medians of several rounds, the spawn
 * floor interleaved with our own rounds so that a noisy machine hits both. It is no test: nothing fails on a slow machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { connect } from '#client'
import { connectBroker } from '#eventlog'
import { residentMiB, startCell } from './cell.ts'
import { median, percentile, type Row, round, spread, table } from './figures.ts'
import { foldRate } from './fold.ts'
import { latency } from './latency.ts'
import { spawnFloor } from './spawn-floor.ts'
import { type Throughput, throughput } from './throughput.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    jobs: { type: 'string', default: '2000' },
    latencies: { type: 'string', default: '500' },
    queued: { type: 'string', default: '100000' },
    fast: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench/results/latest.json' },
  },
})
const rounds = Number(values.rounds)
const jobs = Number(values.jobs)
const queued = Number(values.queued)
const say = (text: string): void => void process.stderr.write(`${text}\n`)

const fold = Array.from({ length: 3 }, () => foldRate(100_000))
const cell = await startCell(values.fast ? 'fast' : 'synced')
const client = await connect({ servers: cell.nats, name: 'bench' })
const broker = await connectBroker({ servers: cell.nats, name: 'bench-probe' })

say('warming up')
await throughput(client, broker, cell.pids, jobs)
await spawnFloor('/bin/true', 300)

const floors: number[] = []
const runs: Throughput[] = []
for (let n = 1; n <= rounds; n++) {
  floors.push(await spawnFloor('/bin/true', jobs))
  runs.push(await throughput(client, broker, cell.pids, jobs))
  say(`round ${n}: ${round(runs.at(-1)!.jobsPerSecond)} jobs/s, floor ${round(floors.at(-1)!)}/s`)
}
say('latency of single jobs')
const idle = await latency(client, Number(values.latencies))

say(`${queued} queued jobs`)
const memoryBefore = Object.fromEntries(Object.entries(cell.pids).map(([name, pid]) => [name, residentMiB(pid)]))
const enqueueStart = performance.now()
await client.submitMany(Array.from({ length: queued }, () => ({ command: ['/bin/true'], host: 'nobody' })))
const enqueueSeconds = (performance.now() - enqueueStart) / 1000
const { last } = await broker.log.info()
await client.list({ limit: 1, atLeastSequence: last })
const memory = Object.fromEntries(Object.entries(cell.pids).map(([name, pid]) => [name, residentMiB(pid)]))
const sum = (of: Record<string, number>): number => Object.values(of).reduce((a, b) => a + b, 0)

await client.close()
await broker.close()
await cell.stop()

const ratios = runs.map(({ jobsPerSecond }, n) => jobsPerSecond / floors[n]!)
const cpu = Object.fromEntries(
  Object.keys(cell.pids).map((name) => [name, median(runs.map((run) => run.cpuUsPerJob[name]!))]),
)
const result = {
  machine: {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    node: process.version,
    nats: broker.serverVersion,
    durability: values.fast ? 'fast' : 'synced',
  },
  throughput: { rounds, jobs, floors, runs, ratios },
  latency: { count: idle.startedMs.length, ...idle },
  memory: { queued, enqueueSeconds, before: memoryBefore, with: memory },
  fold,
}
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`)

const rows: Row[] = [
  { what: `bare spawn loop of /bin/true, per second`, value: spread(floors) },
  {
    what: `process jobs end to end, per second (${jobs} in a batch)`,
    value: spread(runs.map((run) => run.jobsPerSecond)),
  },
  { what: 'ratio to the bare loop, pair by pair', value: spread(ratios, 2), goal: '≥ 0.6' },
  {
    what: 'LOG messages per job under load',
    value: spread(
      runs.map((run) => run.messagesPerJob),
      3,
    ),
    goal: '≤ 0.5',
  },
  {
    what: 'CPU µs per job of each process',
    value: Object.entries(cpu)
      .map(([name, us]) => `${name} ${us}`)
      .join(', '),
  },
  {
    what: 'submit → started, ms, p50 / p99',
    value: `${round(median(idle.startedMs), 2)} / ${round(percentile(idle.startedMs, 99), 2)}`,
    goal: '≤ 3 / ≤ 15',
  },
  {
    what: 'submit → finished, ms, p50 / p99',
    value: `${round(median(idle.finishedMs), 2)} / ${round(percentile(idle.finishedMs, 99), 2)}`,
  },
  { what: `enqueue ${queued} jobs, s`, value: String(round(enqueueSeconds, 2)) },
  {
    what: `resident MiB of all processes with ${queued} queued (before)`,
    value: `${sum(memory)} (${sum(memoryBefore)})`,
  },
  {
    what: 'resident MiB of each',
    value: Object.entries(memory)
      .map(([name, mib]) => `${name} ${mib}`)
      .join(', '),
  },
  { what: 'fold in memory, events/s', value: spread(fold.map((run) => run.foldedPerSecond)), goal: '≥ 100000' },
  { what: 'decode, check and fold, events/s', value: spread(fold.map((run) => run.bothPerSecond)) },
]
process.stdout.write(
  table(
    `Millrace ${result.machine.durability}, nats-server ${result.machine.nats}, Node ${process.version}, ${result.machine.cores} cores`,
    rows,
  ),
)
process.stdout.write(`\nwritten to ${values.json}\n`)
