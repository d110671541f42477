import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeviceId } from '../../protocol/ids.ts'
import { actionsIn, type Person, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { pruneEvents } from './events.ts'

let server: TestServer
let device: DeviceId
let base: string
beforeEach(async () => {
  server = await startTestServer({ separationOfDuties: false })
  device = await server.addDevice('laptop')
  await server.app.listen({ host: '127.0.0.1', port: 0 })
  base = `http://localhost:${(server.app.server.address() as AddressInfo).port}`
})
afterEach(() => server.close())

interface Heard {
  readonly id: number
  readonly event: string
  readonly data: { [key: string]: unknown }
}

/** A client of the stream that reads until it has heard enough. */
async function listen(as: Person, query = '', headers: { [name: string]: string } = {}) {
  const ended = new AbortController()
  const answer = await fetch(`${base}/v1/events${query}`, {
    headers: { cookie: as.cookie, ...headers },
    signal: ended.signal,
  })
  const heard: Heard[] = []
  let text = ''
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  return {
    status: answer.status,
    heard,
    until: async (count: number) => {
      while (heard.length < count) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) break
        text += value
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]))
          const event = fields.get('event')
          if (event === undefined) continue
          heard.push({ id: Number(fields.get('id')), event, data: JSON.parse(fields.get('data') ?? '{}') })
        }
      }
      return heard
    },
    close: () => ended.abort(),
  }
}

const ask = async (path: string) =>
  actionsIn(await server.call(server.admin, 'POST', '/v1/actions', quarantine([device], path, { approve: true })))[0]

describe('[API1] live events', () => {
  test('every step of an action is heard, in order, and names the row', async () => {
    const ear = await listen(server.admin)
    const action = await ask('/tmp/a')
    await server.fleet.settle()
    const heard = await ear.until(5)
    expect(heard.map((it) => it.data.status)).toEqual([
      'pending-approval',
      'queued',
      'delivered',
      'running',
      'succeeded',
    ])
    expect(new Set(heard.map((it) => it.data.id))).toEqual(new Set([action?.id]))
    expect(heard.map((it) => it.id)).toEqual(heard.map((_, at) => (heard[0]?.id ?? 0) + at))
    ear.close()
  })

  test('a listener that was away resumes where it was, without a gap and without a repeat', async () => {
    const first = await listen(server.admin)
    await ask('/tmp/a')
    const before = await first.until(2)
    first.close()
    for (let at = 0; at < 150; at++) await ask(`/tmp/b${at}`)
    const second = await listen(server.admin, '', { 'last-event-id': String(before[1]?.id) })
    const after = await second.until(300)
    expect(after.map((it) => it.id)).toEqual(Array.from({ length: 300 }, (_, at) => (before[1]?.id ?? 0) + 1 + at))
    second.close()
  })

  test('who asks for what is no longer kept, or never was, is told to start anew', async () => {
    await ask('/tmp/a')
    server.source.advance(8 * 86_400_000)
    await pruneEvents(server.store, server.source.nowMs())
    const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: 'correct horse battery' })
    const admin = { name: 'admin', cookie: String(raw.headers['set-cookie']).split(';')[0] ?? '' }
    for (const query of ['?after=0', '?after=99999']) {
      const ear = await listen(admin, query)
      const newest = (await server.feed.range()).newest
      expect(await ear.until(1)).toEqual([{ id: newest, event: 'reset', data: {} }])
      ear.close()
    }
    expect((await server.feed.range()).newest).toBeGreaterThan(0)
  })

  test('nobody hears what they may not see, and who loses the right hears no more', async () => {
    expect((await fetch(`${base}/v1/events`)).status).toBe(401)
    const viewer = await server.addPerson('eve', 'viewer')
    const ear = await listen(viewer)
    await server.store.write(async (transaction) => {
      const { appendEvents } = await import('./feed.ts')
      await appendEvents(transaction, 1, [{ type: 'people.changed', body: { secret: 1 } }])
    })
    await ask('/tmp/a')
    expect((await ear.until(2)).map((it) => it.event)).toEqual(['action.changed', 'action.changed'])
    const people: { id: string; name: string }[] =
      (await server.call(server.admin, 'GET', '/v1/people')).body.items ?? []
    await server.call(server.admin, 'DELETE', `/v1/people/${people.find((it) => it.name === 'eve')?.id}`)
    await ask('/tmp/b')
    expect((await ear.until(3)).length).toBe(2)
  })

  test('streams end when the server does', async () => {
    const ear = await listen(server.admin)
    await server.app.close()
    expect(await ear.until(1)).toEqual([])
  })
})
