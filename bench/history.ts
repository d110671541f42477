import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pino } from 'pino'
import { newCursors } from '../server/actions/cursor.ts'
import { historyPage, historyQuery } from '../server/actions/history.ts'
import { type RunningServer, startServer } from '../server/server.ts'
import { openSqlite } from '../server/store/sqlite.ts'
import { type BenchRow, inTurn, median } from './row.ts'

/** Few for a quick run; `RECOURSE_BENCH_ACTIONS=5000000` for the real thing. */
const actions = Number(process.env['RECOURSE_BENCH_ACTIONS'] ?? 100_000)
const devices = 1_000
const perBatch = 50
const rounds = 15
const pagesPerRound = 40
const password = 'correct horse battery'

const filters = [
  '',
  'status=failed',
  'status=failed,conflict&window=month',
  'action=kill-process',
  'requestedBy=olga&kind=do',
  'effect=in-force',
] as const

/**
 * One page of 50 of the history, over filters that people use, out of very many actions. The floor is a prepared statement of the same
 * database that reads 50 rows in the order of an index, and nothing else.
 */
export const historyRows: readonly BenchRow[] = [
  { name: 'history-page-store', unit: 'ms', better: 'less', goal: 10, measure: (say) => measured(say, inStore) },
  { name: 'history-page-http', unit: 'ms', better: 'less', goal: 60, measure: (say) => measured(say, overHttp) },
]

type Say = (progress: string) => void
/** Answers what reads the page of a filter, and ends. */
type Reader = (folder: string) => Promise<{ read(filter: string): Promise<unknown>; close(): Promise<void> }>

let filled: Promise<string> | null = null

/** Both rows read the same history; it goes when the program ends. */
const history = (say: Say): Promise<string> => {
  filled ??= (async () => {
    const folder = mkdtempSync(join(process.env['RECOURSE_BENCH_FOLDER'] ?? tmpdir(), 'recourse-bench-history-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    await fill(folder, say)
    return folder
  })()
  return filled
}

async function measured(say: Say, open: Reader) {
  const folder = await history(say)
  const reader = await open(folder)
  const bare = new DatabaseSync(join(folder, 'recourse.db'), { readOnly: true })
  const statement = bare.prepare('select * from action order by created_at desc, id desc limit 51')
  try {
    return await inTurn(
      rounds,
      () => medianMs(() => void statement.all()),
      () => medianMs((at) => reader.read(filters[at % filters.length] ?? '')),
      say,
    )
  } finally {
    bare.close()
    await reader.close()
  }
}

async function medianMs(work: (at: number) => unknown): Promise<number> {
  const times: number[] = []
  for (let at = 0; at < pagesPerRound; at++) {
    const begun = performance.now()
    await work(at)
    times.push(performance.now() - begun)
  }
  return median(times)
}

const inStore: Reader = async (folder) => {
  const store = await openSqlite({ folder })
  const cursors = newCursors(new Uint8Array(32))
  return {
    read: (filter) =>
      historyPage(
        { seen: store.read, all: store.read },
        cursors,
        now,
        historyQuery.parse(Object.fromEntries(new URLSearchParams(filter))),
      ),
    close: () => store.close(),
  }
}

const overHttp: Reader = async (folder) => {
  const server = await serve(folder)
  const { cookie } = await setUp(server)
  return {
    read: async (filter) => {
      const answer = await fetch(`${server.url}/v1/actions?${filter}`, { headers: { cookie } })
      if (!answer.ok) throw new Error(await answer.text())
      return answer.text()
    },
    close: () => server.stop(),
  }
}

const anyPort = { host: '127.0.0.1', port: 0 }
const many = 1e9
const serve = (folder: string): Promise<RunningServer> =>
  startServer({
    dataFolder: folder,
    web: anyPort,
    gateway: anyPort,
    enrol: anyPort,
    canary: anyPort,
    publicHost: '127.0.0.1',
    rateLimits: { perMinute: many, perHour: many, sessionPerMinute: many },
    log: pino({ level: 'silent' }),
  })

async function setUp(server: RunningServer): Promise<{ cookie: string }> {
  const secret = server.setUpUrl?.split('#')[1]
  const answer = await fetch(`${server.url}/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'recourse-client': 'bench' },
    body: JSON.stringify({ secret, name: 'admin', password }),
  })
  return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' }
}

const now = Date.now()

/** A history of half a year, written past the server in one go: what is measured is reading. The indexes are those of the migrations. */
async function fill(folder: string, say: Say): Promise<void> {
  const store = await openSqlite({ folder })
  await store.close()
  const database = new DatabaseSync(join(folder, 'recourse.db'))
  database.exec(
    'PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -400000; PRAGMA foreign_keys = OFF',
  )
  // The clock of the ids runs with that of the rows, so that both orders are the same; made in the database, a million in seconds.
  const id = (kind: string, number: string) =>
    `printf('01900000-%04x-7000-8${kind}-%012x', (${number}) / 65536, ${number})`
  say(`${actions} actions`)
  database.exec(`
    begin;
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${devices - 1})
    insert into device (id, name, platform, facts, tags, status, enrolled_at, token_id, last_seen_at, stored_sequence,
      in_force, in_force_at, simulated, group_id, host_key)
    select ${id('00d', 'i')}, 'host-' || i, 'linux', '{"capabilities":[]}', '[]', 'active', 1, 't', null, 0, '[]', null, 0, null,
      'host-' || i from n;
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${Math.ceil(actions / perBatch) - 1})
    insert into batch (id, kind, action, comment, source, requested_by, content_hash, created_at)
    select ${id('00b', 'i')}, 'do', 'quarantine-file', 'a case', 'manual-device-action', 'olga', printf('%064x', i), 1 from n;
    with recursive n(i) as (select 0 union all select i + 1 from n where i < ${actions - 1})
    insert into action (id, batch_id, device_id, kind, action, params, target_kind, target_key, target_label, status, effect,
      source, comment, requested_by, created_at, ended_at, on_conflict, revision)
    select ${id('00a', 'i')}, ${id('00b', `i / ${perBatch}`)}, ${id('00d', `i * 7919 % ${devices}`)},
      case when i % 17 = 0 then 'undo' else 'do' end,
      case when i % 5 = 0 then 'kill-process' else 'quarantine-file' end,
      '{"path":"/srv/evil-' || i || '","sha256":"' || printf('%064x', i) || '"}', 'file', '/srv/evil-' || i, '/srv/evil-' || i,
      case when i % 100 = 0 then 'failed' when i % 1000 = 1 then 'conflict' else 'succeeded' end,
      case when i % 500 = 2 then 'in-force' else 'none' end,
      'manual-device-action', 'case ' || i, case when i % 3 = 0 then 'olga' else 'paul' end,
      ${now} - (${actions} - i) * ${Math.max(1, Math.floor((180 * 86_400_000) / actions))}, ${now}, 'ask', i from n;
    commit;
  `)
  database.exec('PRAGMA journal_mode = WAL')
  database.close()
}
