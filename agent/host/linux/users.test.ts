import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, linkSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterEach, expect, test } from 'vitest'
import { linuxFiles } from './files.ts'
import { libc } from './libc.ts'
import { asRoot, scratch } from './scratch.ts'

const started = new Set<ChildProcess>()
const start = (program: string, args: string[], argv0 = program) => {
  const child = spawn(program, args, { argv0 })
  started.add(child)
  return child
}
afterEach(async () => {
  for (const child of started) {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await ended
  }
  started.clear()
})

const pidsUsing = (place: ReturnType<typeof scratch>, name: string): number[] => {
  using directory = linuxFiles(libc()).openDirectory(place.path())
  using file = directory.openFile(Buffer.from(name))
  return file.users().map(({ pid }) => pid)
}

test('[LIFE10] who has a file open is found, also by another name of it, and who has closed it is not', async () => {
  using place = scratch()
  writeFileSync(place.bytes('file'), 'x')
  linkSync(place.bytes('file'), place.bytes('other name'))
  const child = start('/bin/sh', ['-c', 'exec 3<"$0"; echo open; read _ ', place.bytes('file').toString()])
  await once(child.stdout, 'data')
  expect(pidsUsing(place, 'file')).toEqual([child.pid])
  renameSync(place.bytes('file'), place.bytes('moved'))
  expect(pidsUsing(place, 'other name')).toEqual([child.pid])
  child.stdin.end()
  await once(child, 'exit')
  expect(pidsUsing(place, 'moved')).toEqual([])
})

test('[LIFE10] who runs a file is found, though it holds no descriptor on it', async () => {
  using place = scratch()
  copyFileSync(realpathSync('/bin/sleep'), place.bytes('program'))
  chmodSync(place.bytes('program'), 0o700)
  const child = start(place.bytes('program').toString(), ['600'], 'sleep')
  await once(child, 'spawn')
  expect(pidsUsing(place, 'program')).toEqual([child.pid])
})

test.skipIf(!asRoot)(
  '[LIFE10] who has a file mapped is found after he has closed it (as root, who sees maps)',
  async () => {
    using place = scratch()
    writeFileSync(place.bytes('library'), Buffer.alloc(8_192, 1))
    const koffi = createRequire(import.meta.url).resolve('koffi')
    const program = `
    const fs = require('node:fs')
    const file = fs.openSync(process.argv[1])
    const mmap = require(${JSON.stringify(koffi)}).load(null).func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t'])
    mmap(null, 8192, 1, 2, file, 0)
    fs.closeSync(file)
    console.log('mapped')
    setInterval(() => {}, 1e6)`
    const child = start(process.execPath, ['-e', program, place.bytes('library').toString()])
    await once(child.stdout, 'data')
    expect(pidsUsing(place, 'library')).toEqual([child.pid])
    child.kill('SIGKILL')
    await once(child, 'exit')
  },
)
