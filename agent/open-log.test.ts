import { expect, test } from 'vitest'
import { RecourseError } from '../protocol/errors.ts'
import { type LogLevel, openLog } from './open-log.ts'

function logged(level: LogLevel, say: (log: ReturnType<typeof openLog>) => void): unknown[] {
  const lines: string[] = []
  say(
    openLog(
      level,
      (line) => lines.push(line),
      () => 7,
    ),
  )
  return lines.map((line) => JSON.parse(line) as unknown)
}

test('a line is JSON with level, time, fields and sentence; below the level nothing is said', () => {
  const lines = logged('info', (log) => {
    log.debug({}, 'not said')
    log.info({ device: 'x' }, 'it runs')
    log.error({ at: 1n }, 'it\nbroke')
  })
  expect(lines).toEqual([
    { level: 30, time: 7, device: 'x', msg: 'it runs' },
    { level: 50, time: 7, at: '1', msg: 'it\nbroke' },
  ])
})

test('a failure is told with its code, its stack and what caused it', () => {
  const err = new RecourseError('no_space', 'the disk is full', { cause: new Error('ENOSPC') })
  const [line] = logged('warn', (log) => log.warn({ err }, 'not sealed'))
  expect(line).toMatchObject({ err: { code: 'no_space', message: 'the disk is full', cause: { message: 'ENOSPC' } } })
  expect(JSON.stringify(line)).toContain('open-log.test.ts')
})

test('no secret is written down, at any depth', () => {
  const lines = logged('info', (log) =>
    log.info({ token: 'abc', identity: { privateKeyPem: 'def', deep: { secret: 'ghi' } } }, 'x'),
  )
  expect(JSON.stringify(lines)).not.toMatch(/abc|def|ghi/)
})

test('what refers to itself is written all the same, and so is what is named twice', () => {
  const ring: Record<string, unknown> = { name: 'ring' }
  ring['self'] = ring
  const twice = { id: 1 }
  const [line] = logged('info', (log) => log.info({ ring, all: [twice, twice] }, 'x'))
  expect(line).toMatchObject({ ring: { name: 'ring', self: '[circular]' }, all: [{ id: 1 }, { id: 1 }] })
})

test('what cannot be written at all leaves a line that says so', () => {
  const fields = {
    get bad(): never {
      throw new Error('no')
    },
  }
  const odd = { toJSON: () => fields.bad }
  expect(logged('info', (log) => log.info({ odd }, 'x'))).toMatchObject([
    { msg: 'a line of the log could not be written' },
  ])
})
