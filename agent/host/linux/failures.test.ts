import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { errorCodes } from '../../../protocol/errors.ts'
import { HostError } from '../host.ts'
import { hostError, must, mustNode, quietly } from './failures.ts'

const { errno } = constants

test('[JRN6] every errno has a code of the table, and those a caller decides by have their own', () => {
  for (const number of Object.values(errno)) expect(errorCodes).toContain(hostError(number, 'try').code)
  const decided = [
    errno.ENOENT,
    errno.ELOOP,
    errno.EEXIST,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EPERM,
    errno.EXDEV,
    errno.ESRCH,
  ]
  expect(decided.map((number) => hostError(number, 'try').code)).toEqual([
    'target_not_found',
    'target_behind_link',
    'place_taken',
    'no_space',
    'no_space',
    'read_only',
    'not_permitted',
    'other_file_system',
    'process_gone',
  ])
  expect(hostError(errno.EIO, 'try').code).toBe('io_failed')
})

test('a failure says what was wanted and what the system answered', () => {
  expect(must(7, 'count')).toBe(7)
  expect(() => must(-errno.EACCES, 'open /x')).toThrow('cannot open /x: EACCES')
  expect(() => mustNode('read /none', () => readFileSync('/none/at/all'))).toThrow(HostError)
  expect(() => mustNode('read /none', () => readFileSync('/none/at/all'))).toThrow('cannot read /none: ENOENT')
})

test('a bug is no failure of the machine', () => {
  const bug = new TypeError('a bug')
  expect(() =>
    mustNode('try', () => {
      throw bug
    }),
  ).toThrow(bug)
  expect(quietly(() => readFileSync('/none/at/all'))).toBeNull()
})
