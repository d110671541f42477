import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dpkgPackages } from './packages.ts'
import { scratch } from './scratch.ts'

const status = `Package: tool
Status: install ok installed
Architecture: all
Version: 1:2.0-1

Package: tools
Architecture: amd64
Version: 9

Package: libx
Architecture: i386
Version: 0.1

Package: libx
Architecture: amd64
Version: 0.2
`

/** A small package system: what dpkg(1) keeps of three packages. */
const installed = () => {
  const place = scratch()
  mkdirSync(place.bytes('info'))
  const list = (name: string, lines: (string | Buffer)[]) =>
    writeFileSync(
      place.bytes('info', `${name}.list`),
      Buffer.concat(['/.', ...lines].map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')]))),
    )
  writeFileSync(place.bytes('status'), status)
  list('tool', ['/usr', '/usr/bin', '/usr/bin/tool', Buffer.of(0x2f, 0xff, 0xfe)])
  list('tools', ['/usr/bin/tools'])
  list('libx:amd64', ['/lib/x86_64-linux-gnu/libx.so', '/lib/x86_64-linux-gnu/liby.so'])
  return { place, list, packages: dpkgPackages(place.folder) }
}

test('[LIFE10] the package that installed a file is named with its version', () => {
  const { place, packages } = installed()
  using _ = place
  const owner = (path: string) => packages.ownerOf(Buffer.from(path, 'latin1'))
  expect(owner('/usr/bin/tool')).toBe('tool 1:2.0-1')
  expect(owner('/usr/bin/tools')).toBe('tools 9')
  expect(owner('/\xff\xfe')).toBe('tool 1:2.0-1')
  expect(owner('/lib/x86_64-linux-gnu/libx.so')).toBe('libx:amd64 0.2')
  expect(owner('/usr/lib/x86_64-linux-gnu/libx.so')).toBe('libx:amd64 0.2')
  for (const foreign of [
    '/usr/bin/too',
    '/bin/tool',
    '/usr/bin/tool/x',
    '/usr/local/lib/x86_64-linux-gnu/libx.so',
    '/tmp/x',
  ])
    expect(owner(foreign)).toBeNull()
})

test('[VLT3] the other files of a package are known', () => {
  const { place, packages } = installed()
  using _ = place
  const contents = packages.contentsOf(Buffer.from('/usr/lib/x86_64-linux-gnu/libx.so'))
  expect(contents?.name).toBe('libx:amd64')
  expect(contents?.paths.map(String)).toContain('/lib/x86_64-linux-gnu/liby.so')
  expect(packages.contentsOf(Buffer.from('/tmp/x'))).toBeNull()
})

test('an answer is forgotten when packages have changed', () => {
  const { place, list, packages } = installed()
  using _ = place
  expect(packages.ownerOf(Buffer.from('/usr/bin/new'))).toBeNull()
  list('new', ['/usr/bin/new'])
  utimesSync(place.bytes('info'), 1, 1)
  expect(packages.ownerOf(Buffer.from('/usr/bin/new'))).toBe('new')
})

test('where there is no such package system, nothing is known and nothing fails', () => {
  using place = scratch()
  const packages = dpkgPackages(`${place.folder}/none`)
  expect(packages.ownerOf(Buffer.from('/usr/bin/tool'))).toBeNull()
  expect(packages.contentsOf(Buffer.from('/usr/bin/tool'))).toBeNull()
})
