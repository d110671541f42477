import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { certificateFault, enrollingKey, readIdentity } from './identity.ts'

const root = mkdtempSync(join(tmpdir(), 'recourse-identity-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

test('[TRU1] the key of an enrolment that was begun is kept for the next try, in a file of its user alone', () => {
  const key = enrollingKey(root)
  expect(enrollingKey(root)).toBe(key)
  expect(createPrivateKey(key).asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  expect(statSync(join(root, 'enrolling.json')).mode & 0o777).toBe(0o600)
  expect(readdirSync(root)).toEqual(['enrolling.json'])
})

test('a device without an identity has none; one whose file is damaged is not taken for a new one', () => {
  expect(readIdentity(root)).toBeNull()
  writeFileSync(join(root, 'identity.json'), '{"v":1,"deviceId":"x"}')
  expect(() => readIdentity(root)).toThrow(/not what this agent wrote/)
  writeFileSync(join(root, 'identity.json'), 'no json')
  expect(() => readIdentity(root)).toThrow(/not what this agent wrote/)
})

test('what is no certificate has a fault, and throws nothing', () => {
  const privateKeyPem = enrollingKey(root)
  const deviceId = '01920000-0000-7000-8000-000000000005' as Parameters<typeof certificateFault>[0]['deviceId']
  expect(certificateFault({ certificatePem: 'x', caPem: 'y', privateKeyPem, deviceId })).toContain('cannot be read')
})
