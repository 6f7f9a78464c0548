/**
 * Factors numbers with PARI/GP, one job a number: `node dist/examples/factor/main.js [NUMBER …]`. Says so and ends well
 * where `gp` is not installed. Numbers may be expressions such as 2^128+1.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { connect } from '#client'

const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const numbers = process.argv.length > 2 ? process.argv.slice(2) : ['2^64+1', '2^101-1', '10^40+1']

const factorAll = async (): Promise<void> => {
  const millrace = await connect({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:7070' })
  const jobs = await millrace.submitMany(
    numbers.map((number) => ({
      name: `factor ${number}`,
      command: ['gp', '-q', '-f'],
      stdin: `print(factor(${number})~)\n`,
      timeout: '5m',
    })),
  )
  for (const [index, job] of jobs.entries()) {
    let text = ''
    for await (const { stream, bytes } of job.output()) if (stream === 'stdout') text += Buffer.from(bytes).toString()
    await job.result()
    process.stdout.write(`${numbers[index]}: ${text.trim()}\n`)
  }
  await millrace.close()
}

if (isInstalled('gp')) await factorAll()
else process.stdout.write('skipped: gp is not installed (Debian: apt-get install pari-gp)\n')
