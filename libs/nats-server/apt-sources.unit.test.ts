/** Reading a machine's apt sources; hosts here are stand-ins. */
import { expect, test } from 'vitest'
import { debianArchiveOf, parseDeb822Sources, parseOneLineSources } from './apt-sources.ts'

test('one-line sources: options, comments, source packages', () => {
  const text = `
# deb http://mirror.test/old stable main
deb [arch=amd64 signed-by=/keys/a.gpg] http://mirror.test/debian bookworm main contrib # ours
deb-src http://mirror.test/debian bookworm main
deb http://vendor.test/apt tool-bookworm main`
  expect(parseOneLineSources(text)).toEqual([
    {
      uris: ['http://mirror.test/debian'],
      suites: ['bookworm'],
      components: ['main', 'contrib'],
      signedBy: '/keys/a.gpg',
    },
    { uris: ['http://vendor.test/apt'], suites: ['tool-bookworm'], components: ['main'] },
  ])
})

test('deb822 sources: comments inside, disabled stanzas, key blocks', () => {
  const text = `Types: deb deb-src
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: http://mirror.test/off
Suites: bookworm
Components: main
`
  expect(parseDeb822Sources(text)).toEqual([
    {
      uris: ['http://mirror.test/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      signedBy: '-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc',
    },
  ])
})

test('the Debian archive is told from vendors and from the security archive', () => {
  const archive = { uris: ['http://mirror.test/debian/'], suites: ['bookworm'], components: ['main'] }
  const security = { uris: ['http://mirror.test/debian-security'], suites: ['bookworm-security'], components: ['main'] }
  const vendor = { uris: ['http://vendor.test/linux'], suites: ['bookworm'], components: ['main'] }
  expect(debianArchiveOf([vendor, security, archive], 'bookworm')).toBe(archive)
  expect(debianArchiveOf([vendor, security], 'bookworm')).toBeUndefined()
})
