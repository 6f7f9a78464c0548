/** Renders a picture of the Mandelbrot set as a job and follows its output: `node dist/examples/mandelbrot/main.js [picture.png]`. */
import { resolve } from 'node:path'
import { connect } from '#client'

const script = resolve('examples/mandelbrot/mandelbrot.py')
const picture = resolve(process.argv[2] ?? 'mandelbrot.png')

const millrace = await connect({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:7070' })
const job = await millrace.submit({ name: 'mandelbrot', command: ['python3', script, picture], timeout: '5m' })
for await (const { stream, bytes } of job.output()) (stream === 'stdout' ? process.stdout : process.stderr).write(bytes)
await job.result()
await millrace.close()
