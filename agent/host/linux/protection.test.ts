import { existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { describe, expect, test } from 'vitest'
import { toFilePath } from '../../../protocol/file-path.ts'
import { identityOf } from './descriptors.ts'
import type { Packages } from './packages.ts'
import { dpkgPackages } from './packages.ts'
import { protectionOf } from './protection.ts'
import { scratch } from './scratch.ts'

const noPackages: Packages = { ownerOf: () => null, contentsOf: () => null }
const at = (path: string | Buffer) => identityOf(statSync(path, { bigint: true }))
const ask = (path: string, identity = at(path), options: Partial<Parameters<typeof protectionOf>[2]> = {}) => {
  const plain = toFilePath(path)
  if (plain === null) throw new Error(`${path} is no plain path`)
  return protectionOf(plain, identity, { agentPaths: [], vaultPaths: [], packages: noPackages, ...options })
}
const libraries = [...new Set(readFileSync('/proc/self/maps', 'utf8').match(/(?<= )\/\S*\/(?:libc[.-]|ld-)\S*$/gm))]

describe('[VLT3] nobody touches', () => {
  test('the C library and its loader, by whatever name they are reached', () => {
    expect(libraries.length).toBeGreaterThan(0)
    for (const library of libraries) {
      expect(ask(library)).toBe('it is the C library or its loader')
      // As it would look through a hard link or another mount: another path, the same file.
      expect(ask('/tmp/innocent', at(library))).toBe('it is the C library or its loader')
    }
  })

  test('the other files of the package that holds the C library', (context) => {
    const packages = dpkgPackages()
    const contents = libraries.map((path) => packages.contentsOf(Buffer.from(path))).find((found) => found !== null)
    if (contents === undefined || contents === null) return context.skip('no dpkg(1) on this machine')
    const files = contents.paths.map(String).filter((path) => existsSync(path) && statSync(path).isFile())
    expect(files.length).toBeGreaterThan(10)
    for (const path of files) expect(ask('/tmp/innocent', at(path), { packages })).toMatch(/C library/)
  })

  test('what the machine was started with', () => {
    expect(ask(`/usr/lib/modules/${release()}/kernel/net/x.ko`, at('/'))).toBe('it belongs to the running kernel')
    expect(ask(`/lib/modules/${release()}/modules.dep`, at('/'))).toBe('it belongs to the running kernel')
    expect(ask('/lib/modules/0.0.1-other/modules.dep', { device: '1', object: '1' })).toBeNull()
    for (const path of ['/sbin/init', `/boot/vmlinuz-${release()}`, `/boot/initrd.img-${release()}`])
      if (existsSync(path)) expect(ask('/tmp/innocent', at(path))).toMatch(/init|kernel/)
  })

  test('the agent: its files by every name, its folders with all below, also where a link leads to them', () => {
    using place = scratch()
    mkdirSync(place.bytes('state', 'deep'), { recursive: true })
    for (const name of ['program', 'state/journal', 'state/deep/file', 'other']) writeFileSync(place.bytes(name), name)
    symlinkSync('state', place.bytes('link'))
    linkSync(place.bytes('program'), place.bytes('second'))
    linkSync(place.bytes('state/journal'), place.bytes('third'))
    const text = (name: string) => `${place.folder}/${name}`
    for (const state of ['state', 'link']) {
      const agentPaths = [place.path('program'), place.path(state)]
      for (const name of ['program', 'second', 'third', 'state', 'state/journal', 'state/deep/file'])
        expect(ask(text(name), undefined, { agentPaths })).toBe('it belongs to the agent')
      expect(ask(text('state/not-there-yet'), at('/tmp'), { agentPaths })).toBe('it belongs to the agent')
      expect(ask(text('other'), undefined, { agentPaths })).toBeNull()
      expect(ask(`${text('program')}-like`, at(text('other')), { agentPaths })).toBeNull()
    }
  })

  test('the vault, but a file in it may have another name that is not the agent’s', () => {
    using place = scratch()
    mkdirSync(place.bytes('vault'))
    writeFileSync(place.bytes('vault', 'item'), 'malware')
    linkSync(place.bytes('vault', 'item'), place.bytes('elsewhere'))
    const vaultPaths = [place.path('vault')]
    expect(ask(`${place.folder}/vault/item`, undefined, { vaultPaths })).toBe('it belongs to the agent')
    expect(ask(`${place.folder}/elsewhere`, undefined, { vaultPaths })).toBeNull()
  })
})
