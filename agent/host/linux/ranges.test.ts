import { closeSync, ftruncateSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { linuxFiles } from './files.ts'
import { libc, SEEK_DATA } from './libc.ts'
import { storedRanges } from './ranges.ts'
import { scratch } from './scratch.ts'

const mebibyte = 1_048_576
const name = Buffer.from('file')

const sparse = (path: Buffer, sizeBytes: number, filled: readonly number[]): void => {
  const descriptor = openSync(path, 'w')
  ftruncateSync(descriptor, sizeBytes)
  for (const position of filled) writeSync(descriptor, Buffer.alloc(mebibyte, 1), 0, mebibyte, position)
  closeSync(descriptor)
}

test('[UND3] the stored runs of a sparse file are found, and a file written by them is as sparse', () => {
  using place = scratch()
  using directory = linuxFiles(libc()).openDirectory(place.path())
  sparse(place.bytes('file'), 64 * mebibyte, [8 * mebibyte, 40 * mebibyte])
  using file = directory.openFile(name)
  const ranges = [
    { offset: 8 * mebibyte, length: mebibyte },
    { offset: 40 * mebibyte, length: mebibyte },
  ]
  expect(file.ranges()).toEqual(ranges)

  using copy = directory.createFile(Buffer.from('copy'))
  for (const { offset, length } of ranges) {
    const buffer = Buffer.alloc(length)
    expect(file.read(buffer, offset)).toBe(length)
    copy.write(buffer, offset)
  }
  copy.truncate(file.sizeBytes())
  expect(copy.ranges()).toEqual(ranges)
  expect(statSync(place.bytes('copy')).blocks).toBe(statSync(place.bytes('file')).blocks)
})

test('[UND3] a file that is one hole, one with a hole at its end, a full and an empty one', () => {
  using place = scratch()
  using directory = linuxFiles(libc()).openDirectory(place.path())
  const found = (make: () => void) => {
    make()
    using file = directory.openFile(name)
    return file.ranges()
  }
  expect(found(() => sparse(place.bytes('file'), 5 * mebibyte, []))).toEqual([])
  expect(found(() => sparse(place.bytes('file'), 5 * mebibyte, [0]))).toEqual([{ offset: 0, length: mebibyte }])
  expect(found(() => writeFileSync(place.bytes('file'), Buffer.alloc(mebibyte)))).toBeNull()
  expect(found(() => writeFileSync(place.bytes('file'), ''))).toBeNull()
})

test('a file that is cut while it is looked through ends the list, not the agent', () => {
  const cut = {
    ...libc(),
    lseek: (_: number, at: number, how: number) => (how === SEEK_DATA ? at + 10 : at === 0 ? 5 : at),
  }
  expect(storedRanges(cut, 3, 1_000)).toEqual([])
  const cannotTell = { ...libc(), lseek: () => -constants.errno.EINVAL }
  expect(storedRanges(cannotTell, 3, 1_000)).toBeNull()
})
