import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { helpText, readCommandLine } from './cli.ts'
import { exitCodes } from './commands/endings.ts'
import { plain } from './commands/print.ts'
import { agentVersion } from './version.ts'

const read = (line: string) => readCommandLine(line.split(' ').filter((word) => word !== ''))
const action = '01920000-0000-7000-8000-000000000003'
const places = { state: '/var/lib/recourse', policy: '/etc/recourse/policy.json' }

describe('the command line of the agent', () => {
  test('is understood', () => {
    expect(read('enrol --server control.example:7302 --token t')).toEqual({
      command: 'enrol',
      ...places,
      server: { host: 'control.example', port: 7302 },
      token: 't',
      replace: false,
      json: false,
    })
    expect(read('enrol --server [2001:db8::1]:443 --token t')).toMatchObject({
      server: { host: '2001:db8::1', port: 443 },
    })
    expect(read('run')).toEqual({ command: 'run', ...places, logLevel: 'info' })
    expect(read('status --json --state x')).toEqual({ command: 'status', ...places, state: resolve('x'), json: true })
    expect(read(`undo ${action} --code C`)).toMatchObject({ command: 'undo', actionId: action, code: 'C' })
    expect(read('--help')).toEqual({ command: 'help' })
    expect(read('undo --help')).toEqual({ command: 'help' })
    expect(read('--version')).toEqual({ command: 'version' })
  })

  test.each([
    '',
    'frobnicate',
    'toString',
    'enrol',
    'enrol --server h --token t',
    'enrol --server h:0 --token t',
    'enrol --server h:70000 --token t',
    'enrol --server 2001:db8::1:443 --token t',
    'run --json',
    'run --log-level loud',
    'status now',
    'undo',
    `undo ${action}`,
    'undo x --code C',
    `undo ${action} ${action} --code C`,
    'run --frobnicate',
    'status --code C',
  ])('“%s” is refused with a sentence', (line) => {
    expect(read(line)).toBeTypeOf('string')
  })

  test('the help names every exit code', () => {
    for (const { code, meaning } of Object.values(exitCodes)) expect(helpText).toContain(`${code}  ${meaning}`)
  })

  test('the version is that of the project', () => {
    const file = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
    expect(JSON.parse(file)).toMatchObject({ version: agentVersion })
  })

  test('[TRU6] text from elsewhere cannot steer the terminal', () => {
    expect(plain('a\u001b[2Jb\u0007\r\n\u202ec\u009b')).toBe('a\\u{1b}[2Jb\\u{7}\\u{d}\\u{a}\\u{202e}c\\u{9b}')
    expect(plain('Grüße, 世界')).toBe('Grüße, 世界')
  })
})
