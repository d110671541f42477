import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

// A small npm: it "installs" by making node_modules and noting how it was called, or fails when it is told to.
const npm = `
const { appendFileSync, existsSync, mkdirSync } = require('node:fs')
if (existsSync('offline')) { console.error('npm error network'); process.exit(7) }
mkdirSync('node_modules', { recursive: true })
appendFileSync('node_modules/calls', process.argv.slice(2).join(' ') + '\\n')
`

let project: string
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'recourse-ensure-'))
  mkdirSync(join(project, 'scripts'))
  copyFileSync(join(import.meta.dirname, 'ensure.mjs'), join(project, 'scripts/ensure.mjs'))
  writeFileSync(join(project, 'npm.js'), npm)
  lock('first')
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const lock = (content: string) =>
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ packages: { '': {}, [content]: {} } }))
const ensure = (purpose: string) => {
  const env = { PATH: '/usr/bin:/bin', npm_execpath: join(project, 'npm.js'), npm_node_execpath: process.execPath }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/ensure.mjs', purpose], {
    cwd: project,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}
const silent = { status: 0, stdout: '', stderr: '' }
const calls = () => readFileSync(join(project, 'node_modules/calls'), 'utf8').trim().split('\n')

test('installs once, says so beside the output of the command, and is silent when nothing is missing', () => {
  const first = ensure('check')
  expect(first).toMatchObject({ status: 0, stdout: '' })
  expect(first.stderr).toMatch(/installing the packages[\s\S]*packages installed/)
  expect(ensure('check')).toEqual(silent)
  expect(ensure('start')).toEqual(silent)
  expect(calls()).toEqual([expect.stringMatching(/^install /)])
})

test('installs again when the lock file has changed', () => {
  ensure('check')
  lock('second')
  expect(ensure('check').status).toBe(0)
  expect(ensure('check')).toEqual(silent)
  expect(calls()).toHaveLength(2)
})

test('an install that failed ends the command, with words that help, and is tried again next time', () => {
  writeFileSync(join(project, 'offline'), '')
  const failed = ensure('start')
  expect(failed.status).toBe(1)
  expect(failed.stderr).toMatch(/npm install ended with 7.*registry that can be reached/)
  expect(existsSync(join(project, 'node_modules'))).toBe(false)
  rmSync(join(project, 'offline'))
  expect(ensure('start').status).toBe(0)
})

test('refuses a purpose it does not know', () => {
  expect(ensure('tset')).toMatchObject({ status: 1, stderr: expect.stringContaining('start|check|test') as string })
})
