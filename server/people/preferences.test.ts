import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answered, type Person, startTestServer, type TestServer } from '../test-app.ts'

let server: TestServer
let viewer: Person
beforeAll(async () => {
  server = await startTestServer()
  viewer = await server.addPerson('vera', 'viewer')
})
afterAll(() => server.close())

const path = '/v1/me/preferences'
const read = (as: Person) => server.call(as, 'GET', path)
const write = (as: Person, revision: number, preferences: unknown) =>
  server.call(as, 'PUT', path, { revision, preferences })
const pending = { order: ['target', 'action'], hidden: ['id'], widths: { target: 320 }, sort: null }
const wished = {
  density: 'compact',
  tables: { 'actions.pending': pending },
  views: { history: [{ name: 'Failed today', search: { window: 'day', status: 'failed' } }] },
}

describe('[UI1] how somebody wants to see things', () => {
  test('is nothing special at first, and what they said from then on, in every browser of theirs', async () => {
    expect((await read(viewer)).body).toEqual({
      revision: 0,
      preferences: { density: 'comfortable', tables: {}, views: {} },
    })
    expect((await write(viewer, 0, wished)).body).toEqual({ revision: 1, preferences: wished })
    await server.restart()
    expect((await read(viewer)).body).toEqual({ revision: 1, preferences: wished })
  })

  test('is their own: nobody else has it', async () => {
    expect((await read(server.admin)).body).toMatchObject({ revision: 0, preferences: { tables: {} } })
    expect((await server.call(null, 'GET', path)).status).toBe(401)
  })

  test('is not overwritten by a browser that has not seen the last change', async () => {
    const late = await write(viewer, 0, { density: 'comfortable' })
    expect([late.status, late.body['code']]).toEqual([409, 'content_changed'])
    expect((await read(viewer)).body).toMatchObject({ preferences: { density: 'compact' } })
  })

  test('is small and of known form: anything else is refused and changes nothing', async () => {
    const view = { name: 'x', search: { q: 'y'.repeat(2_000) } }
    const wrong = [
      { ...wished, theme: 'loud' },
      { tables: { 'actions.pending': { ...pending, widths: { target: 1e9 } } } },
      { tables: { '../etc': pending } },
      JSON.parse('{"views":{"__proto__":[]}}') as unknown,
      { views: { history: Array.from({ length: 51 }, () => view) } },
      { views: { history: Array.from({ length: 40 }, () => view) } },
    ]
    const answers: Answered[] = []
    for (const one of wrong) answers.push(await write(viewer, 1, one))
    expect(answers.map((it) => it.status)).toEqual(wrong.map(() => 400))
    expect((await read(viewer)).body).toEqual({ revision: 1, preferences: wished })
  })
})
