import { createHash, scryptSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { decode } from '../../protocol/codec.ts'
import { type DeviceId, newId } from '../../protocol/ids.ts'
import { breakGlassBytes, breakGlassGrant, type Signed } from '../../protocol/mandate.ts'
import { newAudit } from '../audit/chain.ts'
import { type Keys, openKeys } from '../keys/keys.ts'
import { isSignedBy } from '../keys/signer.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { newTestSource } from '../test-app.ts'
import { type BreakGlass, createBreakGlass } from './break-glass.ts'
import { defaultLives } from './deps.ts'
import { createSealer } from './sealer.ts'

const folder = mkdtempSync(join(tmpdir(), 'recourse-break-glass-'))
const source = newTestSource('break-glass')
const day = 86_400_000
let store: Store
let keys: Keys
let breakGlass: BreakGlass
let device: DeviceId

beforeAll(async () => {
  store = await openSqlite({ folder })
  keys = await openKeys({ folder: join(folder, 'keys'), store, source })
  breakGlass = createBreakGlass({
    store,
    keys,
    sealer: createSealer(keys.secret, source.randomBytes),
    audit: newAudit(keys.audit, source.nowMs),
    source,
    settings: { gateway: { host: 'x', port: 1 }, canary: { host: 'x', port: 2 }, ...defaultLives },
  })
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  device = newId<DeviceId>(source)
  await store.write((transaction) =>
    transaction
      .insertInto('device')
      .values({
        id: device,
        name: 'web-01',
        platform: 'linux',
        facts: '{}',
        tags: '[]',
        status: 'active',
        enrolled_at: source.nowMs(),
        token_id: 'none',
        last_seen_at: null,
        in_force: '[]',
        in_force_at: null,
        simulated: 0,
      })
      .execute(),
  )
})

const read = ({ body }: Signed) => breakGlassGrant.parse(decode(body))

test.each([1, 2])(
  '[UND7] the grant for protocol %i is for this device, signed with the mandate key, and the shown code opens it',
  async (protocol) => {
    const { grant } = await breakGlass.grantFor(device, protocol)
    expect(isSignedBy(keys.mandate().publicKey, 'breakGlass', grant)).toBe(true)
    const { v, deviceId, salt, hash, expiresAt } = read(grant)
    expect(v).toBe(protocol)
    expect(deviceId).toBe(device)
    expect(expiresAt).toBe(source.nowMs() + 30 * day)
    const [shown] = (await breakGlass.reveal(device, 'operator:test')) ?? []
    expect(shown?.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){3}$/)
    const code = (shown?.code ?? '').replaceAll('-', '')
    const derived =
      protocol === 1
        ? scryptSync(code, salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_048_576 })
        : createHash('sha256').update(breakGlassBytes(code, salt)).digest()
    expect(derived.equals(Buffer.from(hash))).toBe(true)
  },
)

test.each([1, 2])(
  'a device of protocol %i that connects again and again is given the same grant, also all at once',
  async (protocol) => {
    const grants = await Promise.all(Array.from({ length: 5 }, () => breakGlass.grantFor(device, protocol)))
    expect(new Set(grants.map(({ id }) => id)).size).toBe(1)
    expect((await breakGlass.grantFor(device, protocol)).id).toBe(grants[0]?.id)
  },
)

test('[JRN7] what an older device cannot read it is not given, and a newer one keeps what an older one was given', async () => {
  const before = await breakGlass.grantFor(device, 1)
  expect((await breakGlass.grantFor(device, 2)).id).toBe(before.id)
  await breakGlass.reveal(device, 'operator:test')
  source.advance(1)
  const newer = await breakGlass.grantFor(device, 2)
  source.advance(1)
  const older = await breakGlass.grantFor(device, 1)
  expect([read(newer.grant).v, read(older.grant).v]).toEqual([2, 1])
})

test('what was sent is known to be', async () => {
  const { id, sent } = await breakGlass.grantFor(device, 2)
  expect(sent).toBe(false)
  await breakGlass.sent(id)
  expect(await breakGlass.grantFor(device, 2)).toMatchObject({ id, sent: true })
})

test('it is renewed when half of its life is over, and the older one still opens until it ends', async () => {
  const first = await breakGlass.grantFor(device, 2)
  source.advance(14 * day)
  expect((await breakGlass.grantFor(device, 2)).id).toBe(first.id)
  source.advance(2 * day)
  const second = await breakGlass.grantFor(device, 2)
  expect(second.id).not.toBe(first.id)
  expect(await breakGlass.reveal(device, 'operator:test')).toHaveLength(2)
  source.advance(15 * day)
  expect(await breakGlass.reveal(device, 'operator:test')).toHaveLength(1)
})

test('[AUD1] showing is written down with who did it; a code that was seen is replaced', async () => {
  const first = await breakGlass.grantFor(device, 2)
  await breakGlass.reveal(device, 'operator:anna')
  const entry = await store.read
    .selectFrom('audit')
    .select(['actor', 'kind', 'body'])
    .orderBy('sequence', 'desc')
    .executeTakeFirstOrThrow()
  expect(entry).toMatchObject({ actor: 'operator:anna', kind: 'break-glass.revealed' })
  expect(entry.body).toContain(first.id)
  expect((await breakGlass.grantFor(device, 2)).id).not.toBe(first.id)
})

test('the database alone does not hold the code', async () => {
  await breakGlass.grantFor(device, 2)
  const [shown] = (await breakGlass.reveal(device, 'operator:test')) ?? []
  const row = await store.read
    .selectFrom('break_glass')
    .selectAll()
    .where('device_id', '=', device)
    .executeTakeFirstOrThrow()
  const bytes = Buffer.concat([row.sealed_code, row.grant])
  expect(bytes.includes((shown?.code ?? '').replaceAll('-', ''))).toBe(false)
  const other = createSealer(new Uint8Array(32), source.randomBytes)
  expect(() => other.open(row.sealed_code, `break-glass ${row.id}`)).toThrow(/cannot be opened/)
})

test('a device that does not exist has no codes', async () => {
  expect(await breakGlass.reveal(newId<DeviceId>(source), 'operator:test')).toBeNull()
})
