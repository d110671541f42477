import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { sqliteTextIndex } from '../store/sqlite-text-index.ts'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { pruneHistory } from './expiry.ts'

let server: TestServer
let desk: DeviceId
let laptop: DeviceId
const ask = async (device: DeviceId, path: string, comment: string) => {
  server.source.advance(1)
  const body = { ...quarantine([device], path), comment, approve: true }
  return actionsIn(await server.call(server.admin, 'POST', '/v1/actions', body)).map((it) => it.id)
}
const answer = (text: string, more = '') =>
  server.call(server.admin, 'GET', `/v1/actions?search=${encodeURIComponent(text)}${more}`)
const found = async (text: string, more = ''): Promise<string[]> => {
  const items: { target: { label: string } }[] = (await answer(text, more)).body['items'] ?? []
  return items.map((it) => it.target.label)
}
const index = () => server.store.write((transaction) => sqliteTextIndex.indexSome(transaction, 1_000))

const odd = `O'Neill "AND" (NEAR/2 OR* ^x: 100% _done_ {a b} -not \\ č Ünï 🦊🦊🦊`

beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false, deviceRoutes: true })
  desk = await server.addDevice('DESK-17')
  laptop = await server.addDevice('laptop')
  await ask(desk, '/srv/first', 'seen by the mail gateway')
  await ask(laptop, '/srv/second', odd)
  await ask(laptop, '/srv/third', 'nothing to say')
  await server.fleet.settle()
})
afterAll(() => server.close())

describe.each(['before', 'after'])('[AUD2] search, %s the texts are indexed', (when) => {
  beforeAll(async () => {
    if (when === 'after' && (await index()) === 0) throw new Error('nothing waited to be indexed')
  })

  test.each([
    ['MAIL gateway', ['/srv/first']],
    ['/srv/', ['/srv/third', '/srv/second', '/srv/first']],
    ['desk-17', ['/srv/first']],
    ['lap', ['/srv/third', '/srv/second']],
    ['ir', ['/srv/third', '/srv/first']],
    ['nowhere to be found', []],
  ])('“%s” finds what holds it in a target, a comment or the name of a device', async (text, expected) => {
    expect(await found(text)).toEqual(expected)
  })

  test.each([
    '"AND"',
    "O'Neill",
    '(NEAR/2',
    'OR*',
    '^x:',
    '100% _d',
    '{a b}',
    '-not \\',
    'č Ü',
    '🦊🦊🦊',
    '"""',
    'NEAR(a b)',
  ])('the signs of “%s” stand for themselves', async (text) => {
    expect(await found(text)).toEqual(odd.toLowerCase().includes(text.toLowerCase()) ? ['/srv/second'] : [])
  })

  test.each([
    ['a NUL', 'ab\0cd'],
    ['10 kB', 'x'.repeat(10_000)],
    ['nothing', '   '],
  ])('%s is refused with a problem', async (_, text) => {
    const { status, body } = await answer(text)
    expect([status, body['code']]).toEqual([400, 'request_invalid'])
  })

  test('other filters hold too, and a page goes on where it ended', async () => {
    expect(await found('/srv/', `&device=${laptop}`)).toEqual(['/srv/third', '/srv/second'])
    expect(await found('/srv/', '&status=failed')).toEqual([])
    const first = await answer('/srv/', '&limit=2')
    expect((first.body['items'] as never as unknown[]).length).toBe(2)
    expect(await found('/srv/', `&limit=2&cursor=${first.body['next']}`)).toEqual(['/srv/first'])
  })
})

describe('[AUD2] the index of texts', () => {
  test('a renamed device is found by its new name and no more by its old one', async () => {
    const name = 'reception'
    await server.store.write((it) => it.updateTable('device').set({ name }).where('id', '=', desk).execute())
    expect(await found('recept')).toEqual(['/srv/first'])
    expect(await found('desk-17')).toEqual([])
  })

  test('keeps the order of time when clocks go back and when many come in one moment', async () => {
    const labels: string[] = []
    for (let at = 0; at < 130; at++) {
      const path = `/order/${at}`
      await server.call(server.admin, 'POST', '/v1/actions', { ...quarantine([laptop], path), comment: 'in a row' })
      labels.push(path)
    }
    server.source.advance(-60_000)
    await ask(laptop, '/order/earlier', 'in a row')
    server.source.advance(60_000)
    await index()
    const all = await found('in a row', '&limit=200')
    expect(all.at(-1)).toBe('/order/earlier')
    expect(new Set(all)).toEqual(new Set([...labels, '/order/earlier']))
    const pages: string[] = []
    for (let cursor = ''; ; ) {
      const page = await answer('in a row', `&limit=20${cursor}`)
      pages.push(...(page.body['items'] as never as { target: { label: string } }[]).map((it) => it.target.label))
      if (page.body['next'] === null) break
      cursor = `&cursor=${page.body['next']}`
    }
    expect(pages).toEqual(all)
  })

  test('forgets what is pruned, and holds nothing back when it is empty', async () => {
    server.source.advance(400 * 86_400_000)
    await server.store.write((it) => it.updateTable('action').set({ ended_at: 1, effect: 'none' }).execute())
    await pruneHistory(server.actions)
    const left = await server.store.read.selectFrom('batch').select('id').execute()
    expect(left).toEqual([])
    const until = server.source.nowMs()
    expect(await sqliteTextIndex.candidates(server.store.read, 'in a row', until, 10)).toEqual([])
    expect(await index()).toBe(0)
  })
})
