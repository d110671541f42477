import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { differences, makeOddFile, type Portrait, portraitOf } from './odd-file.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-odd-'))
  path = join(folder, 'odd')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const make = (): Portrait => {
  makeOddFile(path)
  const portrait = portraitOf(path)
  if (portrait === null) throw new Error('no file')
  return portrait
}

test('looking twice at the same file sees the same, and leaves no trace in its times', () => {
  const before = make()
  const times = { accessed: 1_234_567_890_123_456_789n, modified: 1_111_111_111_987_654_321n }
  expect(before).toMatchObject({ mode: '6751', ...times })
  expect(differences(before, portraitOf(path))).toEqual([])
})

test('a restore that loses one byte, one bit of the mode or the nanoseconds would be seen', () => {
  const before = make()
  chmodSync(path, 0o751)
  expect(differences(before, portraitOf(path))).toEqual(['mode'])
  chmodSync(path, 0o6751)
  utimesSync(path, 1_234_567_890.123456, 1_111_111_111.987654)
  expect(differences(before, portraitOf(path))).toEqual(['modified', 'accessed'])
  writeFileSync(path, 'x', { flag: 'r+' })
  expect(differences(before, portraitOf(path))).toContain('bytes')
})

test('a file that did not come back differs in everything', () => {
  const before = make()
  rmSync(path)
  expect(differences(before, portraitOf(path))).toEqual(Object.keys(before))
})
