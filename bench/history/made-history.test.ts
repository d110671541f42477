import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { actionView, viewActions } from '../../server/actions/views.ts'
import { openSqlite } from '../../server/store/sqlite.ts'
import { actionsIn, quarantine, startTestServer, type TestServer } from '../../server/test-app.ts'
import { makeHistory } from './made-history.ts'

let folder: string
let server: TestServer
let made: DatabaseSync

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-made-history-'))
  await makeHistory(folder, { actions: 40_000, devices: 500, now: 1_800_000_000_000 }, () => undefined)
  made = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  server = await startTestServer({ separationOfDuties: false })
})
afterAll(async () => {
  made.close()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What a row has and what it has not, and of which type each value is. */
const shapeOf = (row: object) =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      value === null ? 'null' : ArrayBuffer.isView(value) ? 'bytes' : typeof value,
    ]),
  )

describe('a made history', () => {
  test('has the tables, indexes and triggers that the program itself makes, and keeps every reference', async () => {
    const fresh = mkdtempSync(join(tmpdir(), 'recourse-fresh-'))
    await (await openSqlite({ folder: fresh })).close()
    const other = new DatabaseSync(join(fresh, 'recourse.db'), { readOnly: true })
    const all = 'select type, name, tbl_name, sql from sqlite_master order by type, name'
    expect(made.prepare(all).all()).toEqual(other.prepare(all).all())
    other.close()
    rmSync(fresh, { recursive: true, force: true })
    expect(made.prepare('pragma foreign_key_check').all()).toEqual([])
    expect(made.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    const texts = made.prepare(
      'select (select count(*) from text_row) as indexed, (select count(*) from batch) as all_of_them',
    )
    expect(texts.get()).toEqual({ indexed: 4_820, all_of_them: 4_820 })
  })

  test('has rows of the shape that the program leaves behind', async () => {
    const one = await server.addDevice('one')
    const temper = (what: 'carry-out' | 'refuse' | 'fail' | 'conflict' | 'deaf') => {
      server.fleet.device(one).temper = what
    }
    const ask = async (path: string, approve: boolean) => {
      const answer = await server.call(server.admin, 'POST', '/v1/actions', quarantine([one], path, { approve }))
      return actionsIn(answer)[0]?.id
    }
    await ask('/tmp/done', true)
    await server.fleet.settle()
    for (const [at, what] of (['refuse', 'fail', 'conflict'] as const).entries()) {
      temper(what)
      await ask(`/tmp/${at}`, true)
      await server.fleet.settle()
    }
    await ask('/tmp/pending', false)
    const unwanted = await ask('/tmp/rejected', false)
    const { body } = await server.call(server.admin, 'GET', `/v1/actions/${unwanted}`)
    const no = { contentHash: body['contentHash'], comment: 'no' }
    await server.call(server.admin, 'POST', `/v1/actions/${unwanted}/reject`, no)

    const written = await server.store.read.selectFrom('action').selectAll().execute()
    expect(new Set(written.map((it) => it.status)).size).toBe(6)
    const like = made.prepare(
      `select * from action where status = ? and kind = 'do' and action = 'quarantine-file' and effect = ? and undone_by is null limit 1`,
    )
    for (const row of written) {
      const twin = like.get(row.status, row.effect)
      expect(twin, row.status).toBeDefined()
      expect(shapeOf(twin ?? {}), row.status).toEqual(shapeOf(row))
    }
  })

  test('is shown by the API, every row', async () => {
    const store = await openSqlite({ folder })
    const rows = await store.read.selectFrom('action').selectAll().orderBy('created_at', 'desc').limit(5_000).execute()
    for (const view of await viewActions(store.read, rows)) actionView.parse(view)
    await store.close()
  })
})
