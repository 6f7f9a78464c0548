import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SpoolRecord } from '../brain/index.ts'
import { decodeSpool, encodeRecord, spoolMagic } from './format.ts'
import { Spool } from './spool.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'millrace-spool-'))
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

const path = () => join(data, 'agent.spool')
const records: SpoolRecord[] = [
  { t: 'life', host: 'h1', bootId: 'b', logCreatedMs: 5 },
  { t: 'leader', sequence: 3 },
  { t: 'facts', id: 'a.1/claimed', bytes: new Uint8Array([0, 255, 10, 13, 34]) },
  { t: 'upto', sequence: 9 },
]

const open = (snapshot: () => readonly SpoolRecord[] = () => []) => {
  const troubles: string[] = []
  const spool = Spool.open(data, Spool.read(data), {
    snapshot,
    onTrouble: (error) => void troubles.push(error.code ?? error.message),
    onRecovered: () => void troubles.push('recovered'),
  })
  return { spool, troubles }
}
const append = (spool: Spool, batch: SpoolRecord[], urgent = true) =>
  new Promise<void>((resolve) => spool.append(batch, urgent, resolve))

test('what was confirmed is read again, in order, urgent or not', async () => {
  const { spool } = open()
  await append(spool, records.slice(0, 2))
  await append(spool, records.slice(2), false)
  expect(Spool.read(data)).toMatchObject({ records, damaged: 0, tornBytes: 0 })
  await spool.close()
})

test('close writes what still waits', async () => {
  const { spool } = open()
  let done = false
  spool.append(records, false, () => {
    done = true
  })
  await spool.close()
  expect(done).toBe(true)
  expect(Spool.read(data).records).toEqual(records)
})

test('opening leaves only the snapshot', async () => {
  const first = open()
  for (let n = 0; n < 100; n++) first.spool.append([{ t: 'upto', sequence: n }], true, () => {})
  await first.spool.close()
  const second = open(() => records)
  await second.spool.close()
  expect(Spool.read(data).records).toEqual(records)
})

test('a file that has grown is rewritten; nothing confirmed is lost', async () => {
  const live: SpoolRecord[] = []
  const { spool } = open(() => live)
  const big = new Uint8Array(200_000)
  for (let n = 0; n < 60; n++) {
    const record: SpoolRecord = { t: 'facts', id: `c${n}`, bytes: big }
    live.splice(0, live.length, record)
    await append(spool, [record])
  }
  expect(readFileSync(path()).length).toBeLessThan(10 * 1024 * 1024)
  expect(Spool.read(data).records.at(-1)).toMatchObject({ id: 'c59' })
  await spool.close()
})

describe('damage', () => {
  const bytes = () => Buffer.concat([spoolMagic, ...records.map(encodeRecord)])

  test('a tail torn at any byte loses only what was torn', () => {
    const whole = bytes()
    for (let length = 0; length < whole.length; length++) {
      const content = decodeSpool(whole.subarray(0, length))
      expect(content.damaged).toBe(0)
      expect(content.records).toEqual(records.slice(0, content.records.length))
      expect(content.goodBytes + content.tornBytes).toBe(length)
    }
  })

  test('a flipped bit costs one record at most where lengths are whole', () => {
    const whole = bytes()
    const at = spoolMagic.length + encodeRecord(records[0]!).length + 12
    whole[at] = whole[at]! ^ 1
    expect(decodeSpool(whole)).toMatchObject({ records: [records[0], records[2], records[3]], damaged: 1 })
  })

  test('any bytes are read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        decodeSpool(Buffer.concat([spoolMagic, Buffer.from(noise)]))
        decodeSpool(Buffer.from(noise))
      }),
    )
  })

  test('after a torn tail the next life writes on whole', async () => {
    writeFileSync(path(), bytes())
    truncateSync(path(), bytes().length - 3)
    const { spool } = open(() => Spool.read(data).records)
    await append(spool, [{ t: 'upto', sequence: 10 }])
    expect(Spool.read(data)).toMatchObject({
      records: [...records.slice(0, 3), { t: 'upto', sequence: 10 }],
      tornBytes: 0,
    })
    await spool.close()
  })

  test('zeros at the end (a file that grew before its bytes came) are a torn tail', () => {
    writeFileSync(path(), bytes())
    appendFileSync(path(), Buffer.alloc(4096))
    expect(Spool.read(data)).toMatchObject({ records, tornBytes: 4096 })
  })
})

test('/dev/full is what a full disk looks like to one write', () => {
  const full = openSync('/dev/full', 'w')
  expect(() => writeSync(full, 'x')).toThrow(/ENOSPC/)
  closeSync(full)
})
