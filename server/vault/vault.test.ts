import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { filePath } from '../../protocol/file-path.ts'
import { sha256 as sha256Schema } from '../../protocol/file-record.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { pruneHistory } from '../actions/expiry.ts'
import {
  type Answered,
  actionsIn,
  aHash,
  type Person,
  startTestServer,
  type TestServer,
  testPassword,
} from '../test-app.ts'

const day = 86_400_000
const otherHash = 'b'.repeat(64)
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

const get = (url: string) => server.call(admin, 'GET', url)
const post = (url: string, body: object) => server.call(admin, 'POST', url, { comment: 'why', approve: true, ...body })

/** Days pass, and with them the session. */
async function later(days: number): Promise<void> {
  server.source.advance(days * day)
  const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: testPassword })
  admin = { name: 'admin', cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '' }
}

/** Quarantines one path on some devices, and lets them work. */
async function taken(devices: readonly DeviceId[], path = '/tmp/evil', sha256 = aHash) {
  const params = { path, sha256 }
  const answer = await post('/v1/actions', { action: 'quarantine-file', targets: [{ devices, params }] })
  await server.fleet.settle()
  server.source.advance(1_000)
  return actionsIn(answer).map(({ id }) => id)
}

interface Item {
  readonly action: { id: string; device: { id: string } }
  readonly path: string
  readonly state: string
  readonly goneBy: string | null
  readonly goneAt: number | null
  readonly [more: string]: unknown
}
const itemsIn = (answer: Answered): Item[] => answer.body['items'] ?? []
const nextOf = (answer: Answered): string | null => answer.body['next'] ?? null
const list = async (query = '') => itemsIn(await get(`/v1/vault${query}`))
const idsOf = (items: readonly Item[]) => items.map(({ action }) => action.id)

describe('[VLT6] what lies where', () => {
  test('each file with its device, path, hash, size, age and who decided; last taken first', async () => {
    const [first] = await taken([laptop])
    const [second] = await taken([desk], '/srv/other', otherHash)
    const items = await list()
    expect(idsOf(items)).toEqual([second, first])
    expect(items[1]).toMatchObject({
      action: { device: { id: laptop, name: 'laptop' }, requestedBy: 'admin', decidedBy: 'admin', comment: 'why' },
      path: '/tmp/evil',
      sha256: aHash,
      sizeBytes: '/tmp/evil'.length,
      state: 'held',
      goneAt: null,
      alike: 1,
      waiting: null,
    })
  })

  test('filters by device, hash, name, age and group; on how many devices the same content lies', async () => {
    const both = await taken([laptop, desk])
    const [old] = await taken([laptop], '/srv/Other 100%', otherHash)
    await later(10)
    const [fresh] = await taken([desk], '/srv/new', 'c'.repeat(64))
    expect(await list(`?device=${laptop}`)).toHaveLength(2)
    expect(idsOf(await list(`?sha256=${aHash}`)).toSorted()).toEqual(both.toSorted())
    expect(await list(`?sha256=${aHash}`)).toMatchObject([{ alike: 2 }, { alike: 2 }])
    expect(idsOf(await list('?search=other%20100%25'))).toEqual([old])
    expect(await list('?search=100%25%25')).toEqual([])
    expect(idsOf(await list('?search=bbbbbb'))).toEqual([old])
    expect(await list('?search=desk')).toHaveLength(2)
    expect(await list('?olderThanDays=10')).toHaveLength(3)
    expect(idsOf(await list('?olderThanDays=0'))).toContain(fresh)
    const group = '00000000-0000-7000-8000-000000000000'
    expect(await list(`?group=${group}`)).toHaveLength(4)
    expect(await list('?group=00000000-0000-7000-8000-000000000001')).toEqual([])
  })

  test('pages by a cursor that belongs to its question, without a gap or a repeat', async () => {
    for (let at = 0; at < 5; at++) await taken([laptop, desk], `/srv/${at}`, aHash)
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const answer = await get(`/v1/vault?limit=3${cursor}`)
      seen.push(...idsOf(itemsIn(answer)))
      const next = nextOf(answer)
      if (next === null) break
      cursor = `&cursor=${next}`
      expect((await get(`/v1/vault?limit=3&search=srv${cursor}`)).body['code']).toBe('request_invalid')
    }
    expect(seen).toHaveLength(10)
    expect(seen).toEqual(idsOf(await list()))
  })

  test('sums: overall and by device; a size that no agent has said is counted as such', async () => {
    await taken([laptop, desk])
    await taken([laptop], '/srv/other', otherHash)
    await server.store.write((it) =>
      it.updateTable('vault_item').set({ size_bytes: null }).where('device_id', '=', desk).execute(),
    )
    expect((await get('/v1/vault/summary')).body).toMatchObject({
      items: 3,
      bytes: '/tmp/evil'.length + '/srv/other'.length,
      unmeasured: 1,
      devices: 2,
      contents: 2,
      byDevice: [
        { device: { id: laptop, name: 'laptop' }, items: 2, bytes: 19 },
        { device: { id: desk }, items: 1, bytes: 0, unmeasured: 1 },
      ],
    })
    expect((await get('/v1/vault/summary?search=nothing')).body).toMatchObject({ items: 0, bytes: 0, byDevice: [] })
  })

  test('one line for each content, with where it lies, page by page', async () => {
    await taken([laptop, desk])
    await taken([laptop], '/srv/copy', aHash)
    await taken([desk], '/srv/other', otherHash)
    const first = await get('/v1/vault/contents?limit=1')
    expect(first.body['contents']).toMatchObject([{ id: otherHash, sha256: otherHash, items: 1, devices: 1 }])
    const rest = await get(`/v1/vault/contents?limit=1&cursor=${String(first.body['next'])}`)
    expect(rest.body).toMatchObject({
      contents: [{ sha256: aHash, items: 3, devices: 2, paths: 2, sizeBytes: 9 }],
      next: null,
    })
  })

  test('what was restored and purged stays in history, with what ended it', async () => {
    const [back] = await taken([laptop])
    const [gone] = await taken([desk])
    const [undo] = actionsIn(await post('/v1/vault/restore', { items: [back] }))
    const [purge] = actionsIn(await post('/v1/vault/purge', { items: [gone] }))
    await server.fleet.settle()
    expect(await list()).toEqual([])
    const at = server.source.nowMs()
    expect(await list('?state=restored')).toMatchObject([{ path: '/tmp/evil', goneBy: undo?.id, goneAt: at }])
    expect(await list('?state=purged')).toMatchObject([{ path: '/tmp/evil', goneBy: purge?.id, goneAt: at }])
    expect(await list('?state=all')).toHaveLength(2)
  })

  test('one whose limit ran out was put back by the device itself, and no undo is named', async () => {
    const [id] = await taken([laptop])
    const at = server.source.nowMs()
    server.fleet
      .device(laptop)
      .say({ kind: 'effect', actionId: id as never, effect: 'lapsed', cause: 'lapsed', evidence: [], at })
    await server.fleet.settle()
    expect(await list('?state=restored')).toMatchObject([{ goneBy: null, goneAt: at }])
  })

  test('what a device no longer proves to hold is still listed, as that', async () => {
    const [id] = await taken([laptop])
    const at = server.source.nowMs()
    server.fleet.device(laptop).say({ kind: 'in-force', entries: [], at })
    await server.fleet.settle()
    expect(await list()).toMatchObject([{ action: { id }, state: 'unsure' }])
  })

  test('an undo that displaced a file has an item of its own, by the word of the device', async () => {
    const [first] = await taken([laptop])
    const [undo] = actionsIn(await post('/v1/vault/restore', { items: [first], onConflict: 'replace' }))
    if (undo === undefined) throw new Error('no undo')
    server.fleet.device(laptop).temper = 'hold'
    await server.fleet.settle()
    const at = server.source.nowMs()
    const file = { path: filePath.parse('/tmp/evil'), sha256: sha256Schema.parse(otherHash), sizeBytes: 77 }
    const evidence = [{ subject: 'vault', found: 'displaced', holds: true, at, file }]
    const outcome: Outcome = { status: 'succeeded', effect: 'in-force', evidence, gaps: [], summary: 'put back', at }
    server.fleet.device(laptop).say({ kind: 'ended', actionId: undo.id, outcome })
    await server.fleet.settle()
    expect(await list()).toMatchObject([{ action: { id: undo.id }, sha256: otherHash, sizeBytes: 77, state: 'held' }])
    expect(await list('?state=restored')).toMatchObject([{ action: { id: first }, goneBy: undo.id }])
  })

  test('[ACC3] a device cannot say that it holds another file than it was told to take', async () => {
    server.fleet.device(laptop).temper = 'hold'
    const [id] = await taken([laptop])
    const at = server.source.nowMs()
    const file = { path: filePath.parse('/etc/shadow'), sha256: sha256Schema.parse(otherHash), sizeBytes: 5 }
    const evidence = [{ subject: 'vault', found: 'mine', holds: true, at, file }]
    const outcome: Outcome = { status: 'succeeded', effect: 'in-force', evidence, gaps: [], summary: 'done', at }
    server.fleet.device(laptop).say({ kind: 'ended', actionId: id as never, outcome })
    await server.fleet.settle()
    expect(await list()).toMatchObject([{ path: '/tmp/evil', sha256: aHash, sizeBytes: null }])
  })

  test('[AUD2] is forgotten with the history of its action, and not before', async () => {
    const [back] = await taken([laptop])
    await taken([desk])
    await post('/v1/vault/restore', { items: [back] })
    await server.fleet.settle()
    await later(400)
    await pruneHistory(server.actions)
    expect(await list('?state=all')).toMatchObject([{ state: 'held', action: { device: { id: desk } } }])
  })
})

describe('[VLT6] purge', () => {
  test('names each file that is approved, and shows while it is open', async () => {
    const [id] = await taken([laptop])
    const [purge] = actionsIn(await post('/v1/vault/purge', { items: [id], approve: false }))
    expect(purge).toMatchObject({
      action: 'purge-quarantine',
      risk: 'destructive',
      undoTitle: null,
      status: 'pending-approval',
      params: { quarantine: id, path: '/tmp/evil', sha256: aHash },
      target: { kind: 'file', label: '/tmp/evil' },
    })
    expect(await list()).toMatchObject([{ waiting: { action: purge?.id, deed: 'purge', status: 'pending-approval' } }])
    const again = await post('/v1/vault/purge', { items: [id], approve: false })
    expect([again.status, actionsIn(again)]).toMatchObject([200, [{ id: purge?.id, alreadyOpen: true }]])
  })

  test('ends the quarantine: no longer in force, and its undo is refused as purged', async () => {
    const [id] = await taken([laptop])
    await post('/v1/vault/purge', { items: [id] })
    await server.fleet.settle()
    expect((await get(`/v1/actions/${id}`)).body).toMatchObject({ effect: 'purged', canUndo: false })
    expect((await get('/v1/in-force')).body).toMatchObject({ items: [] })
    const undo = await post(`/v1/actions/${id}/undo`, {})
    expect([undo.status, undo.body['code']]).toEqual([409, 'purged'])
    const again = await post('/v1/vault/purge', { items: [id] })
    expect([again.status, again.body['code']]).toEqual([409, 'purged'])
  })

  test('by age is resolved when it is asked for: what comes later is not in it', async () => {
    const old = await taken([laptop, desk])
    await later(30)
    await taken([laptop], '/srv/young', otherHash)
    const purges = actionsIn(await post('/v1/vault/purge', { filter: { olderThanDays: 30 }, approve: false }))
    expect(purges.map(({ params }) => String(params['quarantine'])).toSorted()).toEqual(old.toSorted())
    expect(new Set(purges.map(({ batch }) => batch)).size).toBe(1)
  })

  test('[LIFE9] nothing named is never all; what finds nothing, and what is not there, is an error', async () => {
    const [id] = await taken([laptop])
    const code = async (body: object) => (await post('/v1/vault/purge', body)).body['code']
    expect(await code({})).toBe('request_invalid')
    expect(await code({ filter: {} })).toBe('request_invalid')
    expect(await code({ items: [] })).toBe('request_invalid')
    expect(await code({ items: [id], filter: { device: laptop } })).toBe('request_invalid')
    expect(await code({ filter: { olderThanDays: 1 } })).toBe('request_invalid')
    expect(await code({ items: ['01890a5d-ac96-774b-bcce-b302099a8057'] })).toBe('not_found')
    await post('/v1/vault/restore', { items: [id] })
    await server.fleet.settle()
    expect(await code({ items: [id] })).toBe('transition_illegal')
  })

  test('[POL6] wants its own permission; a viewer may look', async () => {
    const [id] = await taken([laptop])
    const vera = await server.addPerson('vera', 'viewer')
    expect(itemsIn(await server.call(vera, 'GET', '/v1/vault'))).toHaveLength(1)
    const answer = await server.call(vera, 'POST', '/v1/vault/purge', { items: [id], comment: 'x' })
    expect(answer.status).toBe(403)
    const role = { name: 'releaser', permissions: ['view', 'respond:quarantine-file'], groups: null }
    await server.call(server.admin, 'POST', '/v1/roles', role)
    const rudi = await server.addPerson('rudi', 'releaser')
    const may = await server.call(rudi, 'POST', '/v1/vault/restore', { items: [id], comment: 'x' })
    const mayNot = await server.call(rudi, 'POST', '/v1/vault/purge', { items: [id], comment: 'x' })
    expect([may.status, mayNot.status]).toEqual([201, 403])
  })
})

test('[UND6] all with the same hash are put back as one batch, on every device that has it', async () => {
  const both = await taken([laptop, desk])
  await taken([laptop], '/srv/other', otherHash)
  const undos = actionsIn(await post('/v1/vault/restore', { filter: { sha256: aHash } }))
  expect(undos.map(({ undoOf }) => undoOf ?? '').toSorted()).toEqual(both.toSorted())
  expect(new Set(undos.map(({ batch }) => batch)).size).toBe(1)
  await server.fleet.settle()
  expect(await list()).toMatchObject([{ path: '/srv/other' }])
})
