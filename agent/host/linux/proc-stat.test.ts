import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseProcStat } from './proc-stat.ts'

const rest = 'S 17 42 42 0 -1 4194560 9 0 0 0 1 2 0 0 20 0 1 0 189318 0 0'
const line = (name: Uint8Array) => Buffer.concat([Buffer.from('42 ('), name, Buffer.from(`) ${rest}\n`)])

test('[PRC1] the fields are read whatever a process calls itself', () => {
  const expected = { state: 'S', parent: 17, kernelThread: false, startedAt: '189318' }
  for (const name of ['sleep', 'a b', ') R 1 1 (', '(x) Z 1 2 3) ', '))))', '', 'line\nbreak'])
    expect(parseProcStat(line(Buffer.from(name)))).toEqual({ name, ...expected })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 15 }), (name) => {
      expect(parseProcStat(line(name))).toMatchObject(expected)
    }),
  )
})

test('a thread of the kernel is known by its flag, not by its name', () => {
  expect(parseProcStat(Buffer.from('2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 23 0'))).toMatchObject({
    kernelThread: true,
  })
  expect(parseProcStat(line(Buffer.from('kthreadd')))?.kernelThread).toBe(false)
})

test('text that is no stat line is no process', () => {
  for (const text of [
    '',
    '42',
    '42 (',
    ') (',
    '42 (x) S',
    `42 (x) S x${rest.slice(4)}`,
    `42 (x) ${rest.replace('189318', '-1')}`,
  ])
    expect(parseProcStat(Buffer.from(text))).toBeNull()
})
