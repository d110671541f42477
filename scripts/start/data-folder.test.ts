import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CannotStart, openDataFolder } from './data-folder.ts'

let place: string
beforeEach(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'recourse-data-')))
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

test('one start works in a folder; a second one is told which process, since when, and at what address', () => {
  const first = openDataFolder(join(place, 'data'))
  expect(() => openDataFolder(join(place, 'data'))).toThrow('another start')
  first.announce('http://127.0.0.1:7300')
  expect(() => openDataFolder(join(place, 'data'))).toThrow(
    new RegExp(`process ${process.pid} since \\d.* at http://127\\.0\\.0\\.1:7300`),
  )
  first[Symbol.dispose]()
  using second = openDataFolder(join(place, 'data'))
  expect(second.path).toBe(first.path)
})

test('the ports of the first start are found again', () => {
  const ports = { web: 1, gateway: 2, enrol: 3, canary: 4 }
  {
    using folder = openDataFolder(place)
    expect(folder.rememberedPorts()).toBeNull()
    folder.rememberPorts(ports)
  }
  using folder = openDataFolder(place)
  expect(folder.rememberedPorts()).toEqual(ports)
})

test('a log that has grown too long is put aside, and only then', () => {
  using folder = openDataFolder(place)
  const file = folder.log('agent.log')
  writeFileSync(file, 'short')
  expect(folder.log('agent.log')).toBe(file)
  expect(readFileSync(file, 'utf8')).toBe('short')
  truncateSync(file, 17 * 2 ** 20)
  folder.log('agent.log')
  expect(existsSync(file)).toBe(false)
  expect(statSync(`${file}.old`).size).toBe(17 * 2 ** 20)
})

test('a folder behind a link is named as it lies, because the agent follows none', () => {
  mkdirSync(join(place, 'real'))
  symlinkSync(join(place, 'real'), join(place, 'link'))
  using folder = openDataFolder(join(place, 'link'))
  expect(folder.path).toBe(join(place, 'real'))
})

test('a folder of somebody else is refused, with the way out', () => {
  const root = process.geteuid?.() === 0
  if (root) chownSync(place, 12_345, 12_345)
  expect(() => openDataFolder(root ? place : '/')).toThrow(/belongs to user .*--data FOLDER/)
})

test('a path too long for a socket is refused before anything starts', () => {
  expect(() => openDataFolder(join(place, 'x'.repeat(100)))).toThrow(CannotStart)
})
