import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { actionNames } from '../../protocol/actions/index.ts'
import { encode } from '../../protocol/codec.ts'
import { openSqlite } from '../../server/store/sqlite.ts'
import { sqliteTextIndex } from '../../server/store/sqlite-text-index.ts'

/** How large a history is made, and up to when. */
export interface HistorySize {
  readonly actions: number
  readonly devices: number
  readonly now: number
}

/** Actions of one turn of the pattern: a batch of 1,000, ten of 50, thirty of 10, and 200 single ones. */
const perTurn = 2_000
const batchesPerTurn = 241
const halfYear = 180 * 86_400_000

/**
 * Half a year of history in an empty folder, made in the database itself: a million actions in seconds instead of hours. Tables, indexes
 * and triggers are those of the migrations, put up again after the rows; every row is as the program leaves it behind, which
 * `made-history.test.ts` holds against rows that the program has written.
 */
export async function makeHistory(folder: string, size: HistorySize, say: (progress: string) => void): Promise<void> {
  const store = await openSqlite({ folder })
  await store.close()
  const database = new DatabaseSync(join(folder, 'recourse.db'))
  try {
    database.exec(`PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -1000000;
      PRAGMA foreign_keys = OFF; PRAGMA threads = 2; PRAGMA temp_store = MEMORY`)
    const later = takeDown(database)
    fillDevices(database, size)
    fillBatches(database, size)
    const atOnce = perTurn * 100
    for (let from = 0; from < size.actions; from += atOnce) {
      say(`${from} of ${size.actions} actions`)
      fillActions(database, size, from, Math.min(from + atOnce, size.actions))
    }
    for (const [at, statement] of later.entries()) {
      say(`index ${at + 1} of ${later.length}`)
      database.exec(statement)
    }
    database.exec('insert into text_waiting (id, created_at) select id, created_at from batch')
    database.exec('PRAGMA journal_mode = WAL')
  } finally {
    database.close()
  }
  await indexTexts(folder, say)
}

/** The text index is filled by the program itself. */
async function indexTexts(folder: string, say: (progress: string) => void): Promise<void> {
  const store = await openSqlite({ folder })
  for (let done = 0, some = -1; some !== 0; done += some) {
    say(`${done} batches indexed`)
    some = await store.write((transaction) => sqliteTextIndex.indexSome(transaction, 20_000))
  }
  await store.close()
}

/** Takes down the indexes and triggers of what is filled; what puts them up again. */
function takeDown(database: DatabaseSync): string[] {
  const found = database
    .prepare(
      `select type, name, sql from sqlite_master where type in ('index', 'trigger') and sql is not null
       and tbl_name in ('action', 'batch', 'mandate') order by type, name`,
    )
    .all()
  return found.map(({ type, name, sql }) => {
    database.exec(`drop ${String(type)} "${String(name)}"`)
    return String(sql)
  })
}

/** An id of version 7: the moment, and the rest as scattered as chance, but each its own. */
const id = (at: string, number: string) =>
  `printf('%08x-%04x-7%03x-8%03x-%012x', (${at}) >> 16, (${at}) & 65535, (${number}) * 2027 % 4096, (${number}) / 4096 % 4096, ((${number}) * 48271 + 11) & 281474976710655)`

/** Ids of devices do not move with time; they were all enrolled in one minute. */
const deviceIdOf = (number: string) => id(`1700000000000 + (${number})`, number)

const numbers = (from: number, to: number) =>
  `with recursive n(i) as (select ${from} union all select i + 1 from n where i < ${to - 1})`

function fillDevices(database: DatabaseSync, { devices }: HistorySize): void {
  const capabilities = actionNames.map((action) => ({ action, support: 'supported', reason: '' }))
  const facts = JSON.stringify({ capabilities })
  database.exec(`begin; ${numbers(0, devices)}
    insert into device (id, name, platform, facts, tags, status, enrolled_at, token_id, last_seen_at,
      in_force, in_force_at, simulated, group_id, host_key)
    select ${deviceIdOf('i')}, 'host-' || i || case i % 3 when 0 then '.office.example' when 1 then '.lab.example' else '' end,
      case when i % 4 = 0 then 'windows' else 'linux' end, '${facts}', '[]', 'active', 1700000000000 + i, 't', 1700000000000 + i, '[]',
      null, 0, null, 'host-' || i from n;
    commit`)
}

/** The batch of the action `i`, and how many are in it. */
const place = `i % ${perTurn}`
const batchOf = `(i / ${perTurn} * ${batchesPerTurn} + case when ${place} < 1000 then 0 when ${place} < 1500
  then 1 + (${place} - 1000) / 50 when ${place} < 1800 then 11 + (${place} - 1500) / 10 else 41 + (${place} - 1800) end)`
/** A proof as long as that of a batch of so many. */
const proofAmong = (size: number) => {
  const path = Array.from({ length: Math.ceil(Math.log2(size)) }, () => new Uint8Array(32))
  return `x'${Buffer.from(encode({ index: 0, size, path })).toString('hex')}'`
}
const proofOf = `case when ${place} < 1000 then ${proofAmong(1_000)} when ${place} < 1500 then ${proofAmong(50)}
  when ${place} < 1800 then ${proofAmong(10)} else ${proofAmong(1)} end`

const mixed = (number: string, modulus: number) => `((${number}) * 2654435761 >> 7) % ${modulus}`
const actionOf = (
  b: string,
) => `case when ${mixed(b, 50)} < 30 then 'quarantine-file' when ${mixed(b, 50)} < 40 then 'kill-process'
  when ${mixed(b, 50)} < 45 then 'suspend-process' when ${mixed(b, 50)} < 49 then 'isolate-device' else 'purge-quarantine' end`
const sourceOf = (
  b: string,
) => `case ${mixed(b, 25)} when 0 then 'advanced-hunting-action' when 1 then 'live-response-action' when 2
  then 'manual-live-response-action' when 3 then 'explorer-action' when 4 then 'automated-device-action' when 5 then 'automated-device-action'
  when 6 then 'automated-device-action' when 7 then 'automated-device-action' else 'manual-device-action' end`
const people = `json_extract('["olga","paul","ana","ben","chen","dora","emil","fatima"]', '$[' || min(7, ${mixed('b', 36)} / 4) || ']')`
const askedBy = `case ${sourceOf('b')} when 'automated-device-action' then 'automation' else ${people} end`
const commentOf = `case ${mixed('b', 5)} when 0 then 'case ' || b || ': seen by the mail gateway' when 1
  then 'asked by the service desk, ticket ' || (b * 37 % 99991) when 2 then 'dropper of campaign ' || (b % 313) else 'investigation ' || (b % 48611) end`
/** Some batches take back what the same place of the turn before has done. */
const takesBack = (b: string) => `(${mixed(b, 17)} = 0 and ${b} >= ${batchesPerTurn})`

/** What is known of the batch `b`. `doing` is the batch whose deed it is about: its own, or the one it takes back. */
const batchColumns = (size: HistorySize) =>
  `b, iif(${takesBack('b')}, b - ${batchesPerTurn}, b) as doing, ${momentOf(size)} as at, iif(${takesBack('b')}, 'undo', 'do') as kind,
   ${sourceOf('b')} as source, ${askedBy} as asked_by, ${commentOf} as comment`

const turnsOf = ({ actions }: HistorySize) => Math.ceil(actions / perTurn)
/** Milliseconds from one batch to the next. */
const apart = (size: HistorySize) => Math.max(1, Math.floor(halfYear / (turnsOf(size) * batchesPerTurn)))
const momentOf = (size: HistorySize) => `${size.now} - (${turnsOf(size) * batchesPerTurn} - b) * ${apart(size)}`

function fillBatches(database: DatabaseSync, size: HistorySize): void {
  const batches = Math.ceil(size.actions / perTurn) * batchesPerTurn
  database.exec(`begin;
    with recursive n(b) as (select 0 union all select b + 1 from n where b < ${batches - 1}),
      one as materialized (select ${batchColumns(size)} from n)
    insert into batch (id, kind, action, comment, source, requested_by, content_hash, created_at)
    select ${id('at', 'b')}, kind, ${actionOf('doing')}, comment, source, asked_by, printf('%016x%016x%016x%016x', b * 48271, b * 69621, b * 16807, b), at from one;
    insert into mandate (id, body, key_id, signature, created_at)
    select id, cast(content_hash || comment || id || content_hash || kind || action || requested_by as blob), 'k1', zeroblob(64), created_at from batch;
    commit`)
}

/** Where an action of the last turns stands, and how one of the others ended; in thousandths. */
const statusOf = (
  last: number,
) => `case when i >= ${last} then case ${mixed('i', 10)} when 0 then 'queued' when 1 then 'queued' when 2
    then 'delivered' when 3 then 'running' else 'pending-approval' end
  when ${mixed('i', 1000)} < 40 then 'failed' when ${mixed('i', 1000)} < 55 then 'refused' when ${mixed('i', 1000)} < 57 then 'conflict'
  when ${mixed('i', 1000)} < 87 then 'rejected' when ${mixed('i', 1000)} < 107 then 'expired' when ${mixed('i', 1000)} < 117 then 'cancelled'
  else 'succeeded' end`

/** An undo comes one turn after what it takes back. */
function fillActions(database: DatabaseSync, size: HistorySize, from: number, to: number): void {
  const last = size.actions - Math.min(1_000, size.actions >> 4)
  const turn = batchesPerTurn * apart(size)
  const before = Number(database.prepare('select coalesce(max(rowid), 0) as last from action').get()?.['last'])
  database.exec(`begin;
    ${numbers(from, to)},
    numbered as (select i, ${batchOf} as b from n),
    known as materialized (select i, ${batchColumns(size)} from numbered),
    told as materialized (select known.*, ${statusOf(last)} as status, ${id('at', 'i')} as id, ${actionOf('doing')} as action,
      iif(kind = 'undo', i - ${perTurn}, i) as origin,
      ${takesBack(`(b + ${batchesPerTurn})`)} and i + ${perTurn} < ${last} and kind = 'do' as taken_back,
      '/srv/users/' || (doing % 1999) || '/invoice-' || (doing % 90001) || '.pdf.exe' as label from known),
    whole as materialized (select told.*, status not in ('pending-approval', 'rejected') and not (status = 'expired' and i % 2 = 0) as decided,
      status in ('succeeded', 'failed', 'refused', 'conflict') as ended_there,
      case when status <> 'succeeded' or kind = 'undo' or action in ('kill-process', 'purge-quarantine') then 'none'
        when taken_back then 'reverted' when i % 10 < 9 then 'lapsed' when i % 1000 = 999 then 'unknown' else 'in-force' end as effect,
      '{"path":"' || label || '","sha256":"' || printf('%064x', doing % 90001) || '"}' as params from told)
    insert into action (id, batch_id, device_id, kind, action, params, target_kind, target_key, target_label, status, effect,
      proved_at, source, comment, requested_by, decided_by, approval_expires_at, queue_expires_at, until, created_at, decided_at,
      sent_at, delivered_at, begun_at, ended_at, cancel_requested_at, cancel_requested_by, cancel_refused_at, outcome, undo_of,
      undone_by, on_conflict, mandate_id, revision)
    select id, ${id('at', 'b')}, ${deviceIdOf(`origin * 7919 % ${size.devices}`)}, kind, action, params, 'file', label, label, status,
      effect, iif(status = 'succeeded', at + 60900, null), source, comment, asked_by,
      iif(decided or status = 'rejected', 'ana', null), at + 604800000, iif(decided, at + 319200000, null), null, at,
      iif(decided or status = 'rejected', at + 60000, null),
      iif(ended_there or status in ('delivered', 'running'), at + 60100, null),
      iif(ended_there or status in ('delivered', 'running'), at + 60200, null),
      iif(ended_there or status = 'running', at + 60300, null),
      iif(ended_there or status in ('rejected', 'expired', 'cancelled'), at + 60900, null),
      iif(status = 'cancelled', at + 60500, null), iif(status = 'cancelled', asked_by, null), null,
      case status
        when 'succeeded' then '{"status":"succeeded","effect":"' || effect || '","evidence":[{"subject":"file","found":"it is gone from its place",'
          || '"holds":true,"at":' || (at + 60900) || '}],"gaps":[],"summary":"Moved ' || label || ' to the vault","at":' || (at + 60900) || '}'
        when 'failed' then '{"status":"failed","code":"internal","detail":"it could not be done","effect":"none","evidence":[],"at":' || (at + 60900) || '}'
        when 'refused' then '{"status":"refused","code":"target_changed","detail":"the file is another one now","at":' || (at + 60900) || '}'
        when 'conflict' then '{"status":"conflict","code":"target_changed","detail":"somebody put another file there","drift":[],"choices":["leave"],"at":'
          || (at + 60900) || '}'
      end,
      iif(kind = 'undo', ${id(`at - ${turn}`, `i - ${perTurn}`)}, null), iif(taken_back, ${id(`at + ${turn}`, `i + ${perTurn}`)}, null),
      'ask', iif(decided, ${id('at', 'b')}, null), i + 1
    from whole;
    insert into order_share (action_id, leaf, proof)
    select id, cast(params || id || id || kind as blob), ${proofOf}
    from (select id, params, kind, revision - 1 as i from action where rowid > ${before} and mandate_id is not null);
    commit`)
}
