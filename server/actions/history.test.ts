import { CompiledQuery, type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as z from 'zod'
import { type DeviceId, deviceGroupId, newId } from '../../protocol/ids.ts'
import { seenBy } from '../people/scope.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { Schema } from '../store/schema.ts'
import { type Answered, actionsIn, quarantine, startTestServer, type TestServer } from '../test-app.ts'
import { newCursors, type Place } from './cursor.ts'
import type { Reading } from './drivers.ts'
import { historyPage, type historyQuery } from './history.ts'
import { readMatching } from './matching.ts'
import type { ActionView } from './views.ts'

const day = 86_400_000
let server: TestServer
let laptop: DeviceId
let desk: DeviceId
beforeAll(async () => {
  server = await startTestServer({ separationOfDuties: false })
  laptop = await server.addDevice('laptop')
  desk = await server.addDevice('DESK_01')
  await ask(laptop, '/tmp/old', 'long ago')
  await server.fleet.settle()
  server.source.advance(40 * day)
  const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: 'correct horse battery' })
  Object.assign(server.admin, { cookie: String(raw.headers['set-cookie']).split(';')[0] })
  for (let at = 0; at < 12; at++) await ask(at % 2 === 0 ? laptop : desk, `/tmp/new-${at}`, 'a 100% sure_thing')
  await server.fleet.settle()
  await ask(laptop, '/tmp/pending', '=HYPERLINK("x")', false)
})
afterAll(() => server.close())

const ask = async (device: DeviceId, path: string, comment: string, approve = true) =>
  actionsIn(await server.call(server.admin, 'POST', '/v1/actions', { ...quarantine([device], path), comment, approve }))
const get = (query: string) => server.call(server.admin, 'GET', `/v1/actions?${query}`)
const itemsOf = (answer: Answered): ActionView[] => answer.body.items ?? []
const count = async (query: string) => itemsOf(await get(`limit=200&${query}`)).length

describe('[AUD2] the history', () => {
  test.each([
    ['', 14],
    ['window=day', 13],
    ['window=month', 13],
    ['window=six-months', 14],
    ['status=pending-approval', 1],
    ['status=succeeded,pending-approval', 14],
    ['effect=in-force&kind=do', 13],
    ['search=SURE_thing', 12],
    ['search=100%25', 12],
    ['search=%25', 12],
    ['search=desk_01', 6],
    ['search=deskx01', 0],
    ['requestedBy=admin&action=quarantine-file', 14],
    ['kind=undo', 0],
  ])('filtered by “%s” has %d rows', async (query, rows) => {
    expect(await count(query)).toBe(rows)
  })

  test('is filtered by device and target', async () => {
    expect(await count(`device=${desk}`)).toBe(6)
    expect(await count('target=/tmp/new-3')).toBe(1)
  })

  test('is filtered by when it was asked for, to the millisecond', async () => {
    const newest = itemsOf(await get('limit=200'))
    const [, second, third] = newest
    const at = second?.createdAt ?? 0
    expect(await count(`from=${at}`)).toBe(newest.filter((it) => it.createdAt >= at).length)
    expect(await count(`to=${at}`)).toBe(newest.filter((it) => it.createdAt < at).length)
    expect(await count(`from=${at}&to=${at}`)).toBe(0)
    expect(await count(`from=${third?.createdAt}&window=day&to=${at + 1}&search=sure_thing`)).toBe(
      newest.filter(
        (it) => it.createdAt <= at && it.createdAt >= (third?.createdAt ?? 0) && it.comment.includes('sure'),
      ).length,
    )
  })

  test('is filtered by when it was decided, which may be long after it was asked for', async () => {
    const [asked] = await ask(desk, '/tmp/decided-late', 'x', false)
    server.source.advance(2 * day)
    const { raw } = await server.call(null, 'POST', '/v1/sign-in', { name: 'admin', password: 'correct horse battery' })
    Object.assign(server.admin, { cookie: String(raw.headers['set-cookie']).split(';')[0] })
    const now = server.source.nowMs()
    const choices = [{ action: asked?.id, contentHash: asked?.contentHash }]
    await server.call(server.admin, 'POST', '/v1/actions/reject', { choices, comment: 'no' })
    expect(itemsOf(await get(`decidedFrom=${now}`)).map((it) => it.id)).toEqual([asked?.id])
    expect(await count(`decidedFrom=${now}&from=${now}`)).toBe(0)
    expect(await count(`decidedTo=${now}`)).toBe(13)
    const counts = await server.call(
      server.admin,
      'GET',
      `/v1/actions/counts?decidedFrom=${now}&decidedTo=${now + day}`,
    )
    expect(counts.body).toMatchObject({ total: { count: 1, more: false } })
  })

  test('is read page by page, newest first, each row once, also while rows are added', async () => {
    const seen: string[] = []
    let cursor = ''
    for (let page = 0; page < 10; page++) {
      const answer = await get(`limit=4${cursor}`)
      seen.push(...itemsOf(answer).map((it) => it.id))
      server.source.advance(1)
      if (page === 1) await ask(desk, '/tmp/in-between', 'x', false)
      const next: unknown = answer.body.next
      if (typeof next !== 'string') break
      cursor = `&cursor=${next}`
    }
    expect(seen).toHaveLength(15)
    expect(new Set(seen).size).toBe(15)
  })

  test('is read the other way round, oldest first, to the very same rows', async () => {
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const answer = await get(`limit=4&order=oldest${cursor}`)
      seen.push(...itemsOf(answer).map((it) => it.id))
      const next: unknown = answer.body.next
      if (typeof next !== 'string') break
      expect((await get(`limit=4&cursor=${next}`)).body.code).toBe('request_invalid')
      cursor = `&cursor=${next}`
    }
    const newest = itemsOf(await get('limit=200')).map((it) => it.id)
    expect(seen).toEqual(newest.toReversed())
    const found = itemsOf(await get('limit=200&order=oldest&search=SURE_thing&status=succeeded')).map((it) => it.id)
    expect(found).toEqual(newest.toReversed().filter((id) => found.includes(id)))
    expect(found).toHaveLength(12)
  })

  test('[AUD2] a search that finds more than a step holds nothing from before its time', async () => {
    const own = await startTestServer({ separationOfDuties: false })
    const device = await own.addDevice('laptop')
    const often = async (times: number) => {
      for (let at = 0; at < times; at++) {
        own.source.advance(60_000)
        await own.call(own.admin, 'POST', '/v1/actions', {
          ...quarantine([device], `/tmp/${own.source.nowMs()}`),
          comment: 'the same',
        })
      }
    }
    await often(120)
    const since = own.source.nowMs() + 1
    await often(3)
    const answer = await own.call(own.admin, 'GET', `/v1/actions?limit=200&search=the%20same&from=${since}`)
    expect([itemsOf(answer).length, answer.body.next]).toEqual([3, null])
    await own.close()
  })

  test('a cursor belongs to its query and its server', async () => {
    const next = String((await get('limit=4')).body.next)
    expect((await get(`limit=4&status=succeeded&cursor=${next}`)).body.code).toBe('request_invalid')
    const flipped = next.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))
    expect((await get(`limit=4&cursor=${flipped}`)).body.code).toBe('request_invalid')
  })

  test.each([
    ['huge', 'cursor=A'.padEnd(200_000, 'A')],
    ['long', 'cursor=A'.padEnd(400, 'A')],
    ['empty', 'cursor='],
    ['binary', 'cursor=%00%ff%fe'],
    ['a number', 'cursor=1e309'],
    ['given twice', 'cursor=AAAA&cursor=BBBB'],
  ])('a %s cursor is refused', async (_, query) => {
    const answer = await get(query)
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
  })

  test('leaves as CSV, in which no cell is a formula', async () => {
    const { raw } = await server.call(server.admin, 'GET', '/v1/actions.csv?status=pending-approval&search=hyperlink')
    expect(raw.headers['content-type']).toBe('text/csv; charset=utf-8')
    const lines = raw.body.trimEnd().split('\r\n')
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain(`"'=HYPERLINK(""x"")"`)
  })

  test('leaves with the columns that were chosen, in their order, as CSV and as JSON', async () => {
    const csv = await server.call(server.admin, 'GET', '/v1/actions.csv?status=pending-approval&columns=status,action')
    expect(csv.raw.body).toMatch(/^status,action\r\n(pending-approval,quarantine-file\r\n)+$/)
    const json = await server.call(server.admin, 'GET', '/v1/actions.json?columns=target,effect,outcome')
    const rows: object[] = JSON.parse(json.raw.body)
    expect(rows.length).toBeGreaterThanOrEqual(14)
    expect(Object.keys(rows[0] ?? {})).toEqual(['target', 'effect', 'outcome'])
    const none = await server.call(server.admin, 'GET', '/v1/actions.json?kind=undo')
    expect(JSON.parse(none.raw.body)).toEqual([])
    const odd = await server.call(server.admin, 'GET', '/v1/actions.csv?columns=leaf')
    expect([odd.status, odd.body.code]).toEqual([400, 'request_invalid'])
  })

  /** What the database means to do for each query that a page of these filters asks about actions. */
  const plansFor = async (
    narrow: (db: Kysely<Schema>) => Kysely<Schema>,
    filter: z.infer<typeof historyQuery>,
  ): Promise<string[]> => {
    const asked: CompiledQuery[] = []
    const listening = server.store.read.withPlugin({
      transformQuery: ({ node, queryId }) => {
        const compiled = server.store.read.getExecutor().compileQuery(node, queryId)
        if (/ from "(action)"/.test(compiled.sql)) asked.push(compiled)
        return node
      },
      transformResult: async ({ result }) => result,
    })
    await historyPage(
      { seen: narrow(listening), all: listening },
      newCursors(server.keys.secret),
      server.source.nowMs(),
      filter,
    )
    const plans = []
    for (const query of asked) {
      const explain = CompiledQuery.raw(`explain query plan ${query.sql}`, [...query.parameters])
      const { rows } = await server.store.read.executeQuery<{ detail: string }>(explain)
      plans.push(rows.map((row) => row.detail).join('; '))
    }
    return plans
  }

  test('no filter, pair of filters or all together reads the table through, or sorts, also not for who sees only some devices', async () => {
    const group = deviceGroupId.parse(defaultGroupId)
    const parts = {
      window: 'month',
      from: 1,
      to: 2 ** 41,
      decidedFrom: 1,
      order: 'oldest',
      status: ['failed', 'conflict'],
      effect: ['in-force', 'unknown'],
      action: ['quarantine-file', 'kill-process'],
      source: ['manual-device-action'],
      kind: 'do',
      group: [group],
      device: newId(server.source),
      batch: newId(server.source),
      target: '/tmp/x',
      requestedBy: 'admin',
      search: 'evil',
    } as const
    const names = Object.keys(parts) as (keyof typeof parts)[]
    const pairs = names.flatMap((one, at) => names.slice(at).map((other) => new Set([one, other])))
    let looked = 0
    for (const chosen of [new Set<string>(), ...pairs, new Set(names)]) {
      const filter = {
        limit: 50,
        ...Object.fromEntries(names.filter((it) => chosen.has(it)).map((it) => [it, parts[it]])),
      }
      for (const groups of [null, new Set([group])]) {
        for (const plan of await plansFor((db) => seenBy(db, { groups }), filter)) {
          expect(plan, [...chosen].join()).toMatch(/(SEARCH|SCAN) (main\.)?action USING (COVERING )?INDEX action_/)
          // What the text index found is no more than a step, of batches that are each read whole.
          const found = chosen.has('search') && plan.includes('action_history_batch_id')
          if (!found) expect(plan, [...chosen].join()).not.toContain('FOR ORDER BY')
          looked++
        }
      }
    }
    expect(looked).toBeGreaterThan(2 * pairs.length)
  })

  test('a page of filters that are common and together rare looks at a bounded number of rows, and says where it stopped', async () => {
    const total = 50_000
    const begun = 1_000_000_000_000
    // In every 25,000 one row matches both; each filter alone lets every second row through.
    await server.store.write(async (transaction) => {
      const one = await transaction.selectFrom('action').selectAll().limit(1).executeTakeFirstOrThrow()
      const columns = Object.keys(one).filter((it) => !['id', 'created_at', 'status', 'requested_by'].includes(it))
      const copied = sql.join(columns.map((it) => sql.ref(it)))
      await sql`
        with recursive n(i) as (select 0 union all select i + 1 from n where i < ${total - 1})
        insert into action (${copied}, id, created_at, status, requested_by)
        select ${copied}, printf('01900000-0000-7000-8000-%012x', i), ${begun} + i, iif(i % 2 = 0, 'refused', 'rejected'),
          iif((i % 2 = 1) = (i % 25000 <> 12500), 'busy', 'other')
        from n, (select * from action where id = ${one.id})`.execute(transaction)
    })
    const matching = [begun + 37_500, begun + 12_500]
    const filter = { status: ['refused' as const], requestedBy: 'busy' }
    for (const groups of [null, new Set([deviceGroupId.parse(defaultGroupId)])]) {
      const reader = { seen: seenBy(server.store.read, { groups }), all: server.store.read }
      for (const oldestFirst of [false, true]) {
        const found: number[] = []
        let steps = 0
        for (let after: Place | null = oldestFirst ? [begun - 1, '~'] : [begun + total, '']; ; steps++) {
          const before: Place = after
          const { rows, reached }: Reading = await readMatching(reader, { filter, now: 0, oldestFirst }, after, 50)
          found.push(...rows.map((row) => row.created_at))
          const between = [before[0], reached?.[0] ?? (oldestFirst ? begun + total : begun)]
          const counted = await server.store.read
            .selectFrom('action')
            .select((it) => it.fn.countAll<number>().as('looked'))
            .where('status', '=', 'refused')
            .where('created_at', '>=', Math.min(...between))
            .where('created_at', '<=', Math.max(...between))
            .executeTakeFirstOrThrow()
          expect(Number(counted.looked)).toBeLessThanOrEqual(20_010)
          if (reached === null) break
          after = reached
        }
        expect(found).toEqual(oldestFirst ? matching.toReversed() : matching)
        expect(steps).toBeGreaterThan(0)
      }
    }
  }, 60_000)

  test('the list of what is in force is read from an index of just that', async () => {
    const query = `explain query plan select * from action where effect in ('in-force', 'unknown') order by created_at desc, id desc`
    const { rows } = await server.store.read.executeQuery<{ detail: string }>(CompiledQuery.raw(query))
    expect(rows.map((row) => row.detail)).toEqual(['SCAN action USING INDEX action_in_force'])
  })
})
