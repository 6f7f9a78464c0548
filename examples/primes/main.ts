/**
 * A fan-out: 100 jobs together count the primes below ten million. `node dist/examples/primes/main.js`. The sum is checked
 * against the known π(10⁷) = 664,579.
 */
import { resolve } from 'node:path'
import { connect } from '#client'

const parts = 100
const below = 10_000_000
const known = 664_579

const script = resolve('examples/primes/count.py')
const millrace = await connect({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:7070' })
const width = below / parts
const jobs = await millrace.submitMany(
  Array.from({ length: parts }, (_, n) => ({
    name: 'primes',
    command: ['python3', script, String(n * width), String((n + 1) * width)],
    retries: 2,
    labels: { part: String(n) },
  })),
)
let sum = 0
for (const job of jobs) {
  await job.result()
  let text = ''
  for await (const { stream, bytes } of job.output({ follow: false }))
    if (stream === 'stdout') text += Buffer.from(bytes).toString()
  sum += Number(text)
}
await millrace.close()
process.stdout.write(`${parts} jobs counted ${sum.toLocaleString('en')} primes below ${below.toLocaleString('en')}\n`)
if (sum !== known) {
  process.stderr.write(`That is wrong: there are ${known.toLocaleString('en')}.\n`)
  process.exitCode = 1
}
