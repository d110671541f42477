import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openPolicy } from '../../agent/core/policy.ts'
import { specOf } from '../../protocol/actions/index.ts'
import { isConfined, layOutPlayground, sha256At } from './playground.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'recourse-playground-'))
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

test('the playground holds one file that can be run, and running it would harm nothing', () => {
  const { folder, file } = layOutPlayground(data)
  expect(file.startsWith(`${folder}/`)).toBe(true)
  expect(statSync(file).mode & 0o777).toBe(0o755)
  const commands = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(commands).toEqual([expect.stringMatching(/^echo '[^']*'$/)])
})

test('what people did with the file stays as it is; without the folder it is laid out anew', () => {
  const { folder, file } = layOutPlayground(data)
  rmSync(file)
  layOutPlayground(data)
  expect(existsSync(file)).toBe(false)
  rmSync(folder, { recursive: true })
  layOutPlayground(data)
  expect(sha256At(file)).toMatch(/^[0-9a-f]{64}$/)
})

test('a start that was cut off leaves no half of a playground', () => {
  const { folder } = layOutPlayground(data)
  rmSync(folder, { recursive: true })
  writeFileSync(`${folder}.new`, 'left by a crash')
  const { file } = layOutPlayground(data)
  expect(sha256At(file)).not.toBeNull()
  expect(existsSync(`${folder}.new`)).toBe(false)
})

test('[TRU5] the policy that is laid out is one the agent obeys: the playground, and nothing else', () => {
  const { file, policy: path } = layOutPlayground(data)
  const policy = openPolicy({ path, platform: 'linux', seen: { get: () => true, set: () => undefined } })
  const target = (key: string) => ({ kind: 'file' as const, key, label: key })
  const ask = (key: string) =>
    policy.forbids({ kind: 'do', action: 'quarantine-file', target: target(key), touches: null })
  expect(ask(file)).toBeNull()
  expect(ask('/etc/hosts')).toContain('outside')
  expect(ask(path)).toContain('outside')
  const isolation = specOf('isolate-device')
  const whole = isolation.target(isolation.params.parse(isolation.example))
  const about = { kind: 'do' as const, action: 'isolate-device', target: whole, touches: null }
  expect(policy.forbids(about)).toContain('whole device')
})

test('a policy that people changed is left alone, and no longer said to confine', () => {
  const playground = layOutPlayground(data)
  expect(isConfined(playground)).toBe(true)
  writeFileSync(playground.policy, '{}')
  expect(isConfined(layOutPlayground(data))).toBe(false)
  expect(readFileSync(playground.policy, 'utf8')).toBe('{}')
})
