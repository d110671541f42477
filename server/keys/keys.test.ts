import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decode } from '../../protocol/codec.ts'
import { keyStatement } from '../../protocol/mandate.ts'
import { systemSource } from '../source.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { openKeys, recoverySigner } from './keys.ts'
import { isSignedBy, keyIdOf } from './signer.ts'

let folder: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-keys-'))
  store = await openSqlite({ folder })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const open = (recoveryKey?: string) =>
  openKeys({ folder: join(folder, 'keys'), store, source: systemSource, recoveryKey })
const mandateFiles = () => readdirSync(join(folder, 'keys')).filter((name) => name.startsWith('mandate-'))
const publicKeyOf = (known: { publicKeyHex: string } | undefined) => Buffer.from(known?.publicKeyHex ?? '', 'hex')

test('keys are made once, for this user alone, and found again', async () => {
  const first = await open()
  const again = await open()
  expect(again.mandate().keyId).toBe(first.mandate().keyId)
  expect(again.audit.keyId).toBe(first.audit.keyId)
  expect(again.secret).toEqual(first.secret)
  for (const name of readdirSync(join(folder, 'keys'))) {
    expect(statSync(join(folder, 'keys', name)).mode & 0o777).toBe(0o600)
  }
})

test('a key that others can read is refused', async () => {
  await open()
  chmodSync(join(folder, 'keys', 'audit.key'), 0o644)
  await expect(open()).rejects.toMatchObject({ code: 'not_permitted' })
})

test('[TRU4] a new mandate key is vouched for by the old one, which ends with it', async () => {
  const keys = await open()
  const old = keys.mandate()
  const statement = await keys.rotate(async () => undefined)
  expect(isSignedBy(old.publicKey, 'key', statement)).toBe(true)
  const said = keyStatement.parse(decode(statement.body))
  expect(said).toMatchObject({ keyId: keys.mandate().keyId, retires: [old.keyId] })
  expect(keyIdOf(said.publicKey)).toBe(said.keyId)
  expect(keys.known().map((it) => it.keyId)).toEqual([said.keyId])
  expect(mandateFiles()).toEqual([`mandate-${said.keyId}.key`])
  expect((await open()).mandate().keyId).toBe(said.keyId)
  const [found] = (await open()).statements()
  expect(Buffer.from(found?.body ?? []).equals(statement.body)).toBe(true)
  expect(found?.signature).toEqual(statement.signature)
})

test('[TRU4] rotations and signatures that share a commit use the key that is in force at their turn', async () => {
  const keys = await open()
  const first = keys.mandate().keyId
  const signedBy: string[] = []
  const sign = () => store.write(async () => signedBy.push(keys.mandate().keyId))
  const [, one, , two] = await Promise.all([
    sign(),
    keys.rotate(async () => undefined),
    sign(),
    keys.rotate(async () => undefined),
    sign(),
  ])
  const [second, third] = [one, two].map((it) => keyStatement.parse(decode(it.body)).keyId)
  expect([one.keyId, two.keyId]).toEqual([first, second])
  expect(signedBy).toEqual([first, second, third])
  expect(mandateFiles()).toEqual([`mandate-${third}.key`])
})

test('[TRU4] a rotation that fails in the store leaves the old key in use', async () => {
  const keys = await open()
  const old = keys.mandate().keyId
  await expect(
    keys.rotate(async () => {
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(keys.mandate().keyId).toBe(old)
  expect((await open()).mandate().keyId).toBe(old)
})

test('[TRU4] a lost mandate key is replaced with the recovery key, and with no other', async () => {
  const keys = await open()
  const { text } = await store.write((transaction) => keys.addRecovery(transaction))
  await keys.refresh()
  const lost = keys.mandate().keyId
  unlinkSync(join(folder, 'keys', `mandate-${lost}.key`))

  await expect(open()).rejects.toThrow('recovery key')
  const foreign = `recourse-recovery-1-${createHash('sha256').update('x').digest('hex')}`
  await expect(open(foreign)).rejects.toThrow('not the recovery key')

  const recovered = await open(text)
  const statement = recovered.statements().at(-1)
  const recovery = recovered.known().find((it) => it.recovery)
  expect(recovered.known()).toHaveLength(2)
  expect(statement && isSignedBy(publicKeyOf(recovery), 'key', statement)).toBe(true)
  expect(statement && keyStatement.parse(decode(statement.body))).toMatchObject({
    keyId: recovered.mandate().keyId,
    retires: [lost],
  })
})

test('[TRU4] the recovery key is in no file and not in the database', async () => {
  const keys = await open()
  const { text } = await store.write((transaction) => keys.addRecovery(transaction))
  await store.close()
  const digits = text.replace('recourse-recovery-1-', '').replaceAll('-', '')
  expect(digits).toMatch(/^[0-9a-f]{64}$/)
  const seed = Buffer.from(digits, 'hex')
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (statSync(join(folder, name)).isDirectory()) continue
    const bytes = readFileSync(join(folder, name))
    expect([name, bytes.includes(seed), bytes.includes(digits)]).toEqual([name, false, false])
  }
  expect(recoverySigner(text).keyId).toMatch(/^[0-9a-f]{16}$/)
  store = await openSqlite({ folder })
})
