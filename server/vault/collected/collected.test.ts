import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ActionId, type DeviceId, newId } from '../../../protocol/ids.ts'
import { contentPieceBytes } from '../../../protocol/messages.ts'
import { jobs } from '../../jobs.ts'
import { actionsIn, type Person, startTestServer, type TestServer, testPassword } from '../../test-app.ts'

const day = 86_400_000
const bytes = Buffer.alloc(3 * contentPieceBytes + 99, 'a very suspicious program\n')
const sha256 = createHash('sha256').update(bytes).digest('hex')

let server: TestServer
let laptop: DeviceId
let desk: DeviceId
let admin: Person
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  admin = server.admin
  laptop = await server.addDevice('laptop')
  desk = await server.addDevice('desk')
})
afterEach(() => server.close())

const call = (method: 'GET' | 'POST' | 'PATCH', url: string, body?: unknown) => server.call(admin, method, url, body)

/** Quarantined on the laptop; how large it is, its agent says. */
async function quarantined(size: number | null = bytes.length, pinned = sha256): Promise<ActionId> {
  server.fleet.device(laptop).temper = 'carry-out'
  const targets = [{ devices: [laptop], params: { path: '/tmp/evil', sha256: pinned } }]
  const wish = { action: 'quarantine-file', targets, comment: 'evil', approve: true }
  const [action] = actionsIn(await call('POST', '/v1/actions', wish))
  if (action === undefined) throw new Error('nothing was taken')
  await server.fleet.settle()
  await server.store.write((transaction) =>
    transaction.updateTable('vault_item').set({ size_bytes: size }).where('action_id', '=', action.id).execute(),
  )
  return action.id
}

/** Asks for a copy; the device has begun with it. */
async function requested(item: ActionId, approve = true): Promise<ActionId> {
  server.fleet.device(laptop).temper = 'hold'
  const answer = await call('POST', '/v1/vault/collect', { items: [item], comment: 'look into it', approve })
  const [action] = actionsIn(answer)
  if (action === undefined) throw new Error(answer.raw.body)
  await server.fleet.settle()
  return action.id
}

const say = (actionId: ActionId, offset: number, part: Uint8Array, device = laptop, sizeBytes = bytes.length) =>
  server.collected.take(device, { type: 'content', actionId, sizeBytes, offset, bytes: new Uint8Array(part) })
const ask = (actionId: ActionId, device = laptop) => say(actionId, 0, new Uint8Array(0), device)
const pieceAt = (offset: number) => bytes.subarray(offset, offset + contentPieceBytes)
async function sendFrom(actionId: ActionId, from: number, end = bytes.length) {
  let answer = await ask(actionId)
  for (let at = from; at < end; at += contentPieceBytes) answer = await say(actionId, at, pieceAt(at))
  return answer
}
const folder = () => server.collectedFolder
const download = (id: ActionId, as = admin) => server.call(as, 'GET', `/v1/vault/collected/${id}/content`)
const item = async () => {
  const items: { [name: string]: unknown }[] = (await call('GET', '/v1/vault?state=all')).body['items'] ?? []
  return items[0]
}
const kinds = async () =>
  (await server.store.read.selectFrom('audit').select('kind').orderBy('sequence').execute()).map(({ kind }) => kind)

describe('[VLT7] a copy of a quarantined file', () => {
  test('comes here piece by piece, and is downloaded as bytes that nothing opens; both are in the audit chain', async () => {
    const source = await quarantined()
    const id = await requested(source)
    expect(await ask(id)).toEqual({ type: 'content-taken', actionId: id, upTo: 0, whole: false })
    expect(await say(id, 0, pieceAt(0))).toMatchObject({ upTo: contentPieceBytes, whole: false })
    expect(await item()).toMatchObject({
      waiting: { action: id, deed: 'collect' },
      arriving: { action: id, bytes: contentPieceBytes },
      collected: null,
    })
    expect((await download(id)).status).toBe(404)
    expect(await sendFrom(id, contentPieceBytes)).toMatchObject({ type: 'content-taken', whole: true })
    const { raw } = await download(id)
    expect(raw.rawPayload.equals(bytes)).toBe(true)
    expect(raw.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${sha256}.quarantined"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': 'no-store',
    })
    expect(await kinds()).toEqual(expect.arrayContaining(['vault.collected', 'vault.downloaded']))
    server.fleet.device(laptop).temper = 'carry-out'
    await server.fleet.settle()
    expect(await item()).toMatchObject({ waiting: null, arriving: null, collected: { action: id, goneAt: null } })
  })

  test('lies sealed, under the name of its action, for this user alone; damage is told and nothing of it is handed on', async () => {
    const id = await requested(await quarantined())
    await sendFrom(id, 0)
    expect(readdirSync(folder())).toEqual([id])
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    const path = join(folder(), id)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const sealed = readFileSync(path)
    expect(sealed.includes('suspicious')).toBe(false)
    sealed[sealed.length - 40] = (sealed[sealed.length - 40] ?? 0) ^ 1
    writeFileSync(path, sealed)
    await expect(download(id)).rejects.toThrow()
  })

  test('goes on after a new connection and after the control plane was killed, behind the last whole piece', async () => {
    const id = await requested(await quarantined())
    await sendFrom(id, 0, 2 * contentPieceBytes)
    server.collected.rest(laptop)
    await expect.poll(item).toMatchObject({ arriving: { action: id, bytes: 2 * contentPieceBytes } })
    expect(await ask(id)).toMatchObject({ upTo: 2 * contentPieceBytes, whole: false })
    await server.restart()
    // A piece that a power cut has torn is asked for anew.
    truncateSync(join(folder(), id), statSync(join(folder(), id)).size - 7)
    expect(await ask(id)).toMatchObject({ upTo: contentPieceBytes, whole: false })
    expect(await sendFrom(id, contentPieceBytes)).toMatchObject({ whole: true })
    expect((await download(id)).raw.rawPayload.equals(bytes)).toBe(true)
    // The answer may have been lost: it is given again.
    await server.restart()
    expect(await ask(id)).toMatchObject({ upTo: bytes.length, whole: true })
  })

  test('an empty file is a file too', async () => {
    const hash = createHash('sha256').digest('hex')
    const id = await requested(await quarantined(0, hash))
    expect(await say(id, 0, new Uint8Array(0), laptop, 0)).toMatchObject({ whole: true })
    const { status, raw } = await download(id)
    expect([status, raw.rawPayload.length]).toEqual([200, 0])
  })

  test('is deleted after its time, and can be requested again; what came of requests that failed goes too', async () => {
    const source = await quarantined()
    const id = await requested(source)
    await sendFrom(id, 0)
    server.fleet.device(laptop).temper = 'carry-out'
    await server.fleet.settle()
    const failing = await requested(source)
    await sendFrom(failing, 0, contentPieceBytes)
    server.fleet.device(laptop).temper = 'fail'
    await server.fleet.settle()
    server.collected.rest(laptop)
    const prune = async () => {
      const { actions, collected } = server
      const refresh = async () => undefined
      const all = jobs({ actions, collected, refresh, auditSigner: server.keys.audit, log: actions.log })
      await all.find(({ name }) => name === 'prune')?.run()
    }
    await expect.poll(async () => (await prune(), readdirSync(folder()))).toEqual([id])
    server.source.advance(30 * day)
    await prune()
    expect(readdirSync(folder())).toEqual([])
    const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: testPassword })
    admin = { name: 'admin', cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '' }
    expect((await download(id)).status).toBe(404)
    expect(await item()).toMatchObject({ collected: { action: id, goneAt: server.source.nowMs() } })
    expect(actionsIn(await call('POST', '/v1/vault/collect', { items: [source], comment: 'again' }))).toHaveLength(1)
  })
})

describe('[VLT7] [TRU6] what a device says is hostile', () => {
  const refused = (code: string) => ({ type: 'content-refused', code })

  test('nothing is taken that nobody asked this very device for, or that is not approved', async () => {
    const source = await quarantined()
    const id = await requested(source)
    expect(await ask(newId<ActionId>(server.source))).toMatchObject(refused('content_unexpected'))
    expect(await ask(source)).toMatchObject(refused('content_unexpected'))
    expect(await ask(id, desk)).toMatchObject(refused('content_unexpected'))
    await sendFrom(id, 0, contentPieceBytes)
    expect(await say(id, contentPieceBytes, pieceAt(0), desk)).toMatchObject(refused('content_unexpected'))
    expect(await ask(id)).toMatchObject({ upTo: contentPieceBytes })
    server.fleet.device(laptop).temper = 'fail'
    await server.fleet.settle()
    const waiting = await requested(source, false)
    expect(await ask(waiting)).toMatchObject(refused('content_unexpected'))
  })

  test('nothing once it has ended', async () => {
    const id = await requested(await quarantined())
    server.fleet.device(laptop).temper = 'fail'
    await server.fleet.settle()
    expect(await ask(id)).toMatchObject(refused('content_unexpected'))
    expect(readdirSync(folder())).toEqual([])
  })

  test.each([
    ['a gap', contentPieceBytes, contentPieceBytes],
    ['a piece that is too short', 0, 10],
    ['a place that is none', 17, contentPieceBytes],
  ])('%s: refused, and nothing is kept', async (_, offset, length) => {
    const id = await requested(await quarantined())
    await ask(id)
    expect(await say(id, offset, bytes.subarray(0, length))).toMatchObject(refused('content_unexpected'))
    expect(readdirSync(folder())).toEqual([])
  })

  test('more than it said at first, or another size than is recorded: refused', async () => {
    const id = await requested(await quarantined())
    expect(await say(id, 0, pieceAt(0), laptop, bytes.length + 1)).toMatchObject(refused('content_mismatch'))
    await sendFrom(id, 0, 3 * contentPieceBytes)
    expect(await say(id, 3 * contentPieceBytes, pieceAt(0))).toMatchObject(refused('content_unexpected'))
    const unsaid = await requested(await quarantined(null))
    await sendFrom(unsaid, 0, contentPieceBytes)
    expect(await say(unsaid, contentPieceBytes, pieceAt(0), laptop, 2 * bytes.length)).toMatchObject(
      refused('content_mismatch'),
    )
    expect(readdirSync(folder())).toEqual([])
  })

  test('another content than was approved is thrown away', async () => {
    const id = await requested(await quarantined(bytes.length, 'c'.repeat(64)))
    expect(await sendFrom(id, 0)).toMatchObject(refused('content_mismatch'))
    expect(readdirSync(folder())).toEqual([])
    expect((await download(id)).status).toBe(404)
  })

  test('larger than is taken in: refused when it is asked for, and when a device says so only then', async () => {
    await call('PATCH', '/v1/settings', { collectMebibytes: 1 })
    const large = await quarantined(1_048_577)
    const answer = await call('POST', '/v1/vault/collect', { items: [large], comment: 'x' })
    expect(answer).toMatchObject({ status: 422, body: { code: 'content_too_large' } })
    const id = await requested(await quarantined(null))
    expect(await say(id, 0, new Uint8Array(0), laptop, 1_048_577)).toMatchObject(refused('content_too_large'))
  })
})

describe('[ACC1] who may', () => {
  test('a responder asks for copies; only who has the permission of its own downloads them', async () => {
    const rita = await server.addPerson('rita', 'responder')
    const id = await requested(await quarantined())
    await sendFrom(id, 0)
    expect((await download(id, rita)).status).toBe(403)
    expect((await download(id)).status).toBe(200)
    const wish = { action: 'collect-quarantined', targets: [], comment: 'x' }
    expect((await server.call(rita, 'POST', '/v1/actions', wish)).status).toBe(400)
  })

  test('an agent that does not know the action is not asked', async () => {
    const source = await quarantined()
    await server.store.write((transaction) =>
      transaction
        .updateTable('device')
        .set({
          facts: JSON.stringify({ capabilities: [{ action: 'quarantine-file', support: 'supported', reason: '' }] }),
        })
        .where('id', '=', laptop)
        .execute(),
    )
    const answer = await call('POST', '/v1/vault/collect', { items: [source], comment: 'x' })
    expect(answer.body).toMatchObject({ code: 'action_unsupported' })
  })
})
