import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { RecourseError } from '../../protocol/errors.ts'
import { type EffectTable, effectTable } from './journal-effects.ts'
import { type GrantTable, grantTable, type KeyTable, keyTable } from './journal-keys.ts'
import { type Ledger, ledgerTable, type Tombstones, tombstoneTable } from './journal-ledger.ts'
import { type OutboxTable, outboxTable } from './journal-outbox.ts'
import { type RecordTable, recordTable } from './journal-records.ts'
import { text } from './journal-rows.ts'
import { migrate } from './journal-schema.ts'

/**
 * What the agent remembers: one SQLite file.
 *
 * INVARIANTS
 * - Whatever {@link Journal.commit} returned from is on the disk (WAL, synchronous=FULL), all of it or, after a throw, nothing.
 * - Tables are written inside a commit only, and commits are never nested: each transition of the core is one of them, with its reports.
 * - The file is locked for as long as it is open (locking_mode=EXCLUSIVE); a second agent gets `store_locked`. The operating
 *   system gives the lock back when a process dies, so nothing has to be cleaned up after a crash.
 * - Nothing here waits for anything: SQLite answers in the same turn, so what was read stays true until the turn ends.
 */
export interface Journal {
  readonly ledger: Ledger
  readonly tombstones: Tombstones
  readonly records: RecordTable
  readonly effects: EffectTable
  readonly outbox: OutboxTable
  readonly keys: KeyTable
  readonly grants: GrantTable
  readonly meta: Meta
  /** Runs `work` as one transaction. RecourseError `no_space`, `read_only`, `io_failed` when the disk did not take it; then nothing of it happened. */
  commit<T>(name: CommitName, work: () => T): T
  /** Called after each commit that put reports into the outbox. */
  subscribe(listener: () => void): Disposable
  close(): void
}

/** The transitions of the core, by name; for tests that stop the world at one of them. */
export type CommitName =
  | 'opened'
  | 'received'
  | 'refused'
  | 'begun'
  | 'intended'
  | 'displaced'
  | 'ended'
  | 'cancelled'
  | 'taking-back'
  | 'taken-back'
  | 'proved'
  | 'stated'
  | 'timed'
  | 'found'
  | 'released'
  | 'stored'
  | 'key-trusted'
  | 'granted'
  | 'code-tried'
  | 'policy-seen'

export interface JournalOptions {
  /** Called right before and right after each commit. What it throws comes out of `commit`; before: nothing was written, after: all was. */
  readonly onCommit?: (phase: 'before' | 'after', name: CommitName) => void
}

export interface Meta {
  get(name: string): string | null
  set(name: string, value: string): void
}

/** What a table is made with. */
export interface Store {
  prepare(sql: string): StatementSync
  /** Throws outside of a commit: a write there is a bug. */
  demandCommit(): void
}

/** Opens or creates the journal. RecourseError `store_locked` when another agent has it open; `:memory:` keeps it in memory, for one life. */
export function openJournal(path: string, options: JournalOptions = {}): Journal {
  const onDisk = path !== ':memory:'
  if (onDisk) createPrivately(path)
  const database = open(path)
  const listeners = new Set<() => void>()
  let committing = false
  const store: Store = {
    prepare: (sql) => database.prepare(sql),
    demandCommit: () => {
      if (!committing) throw new Error('the journal is only written inside a commit')
    },
  }
  const outbox = outboxTable(store)
  const begin = database.prepare('BEGIN IMMEDIATE')
  const end = database.prepare('COMMIT')
  const undo = database.prepare('ROLLBACK')

  function write<T>(work: () => T): T {
    begin.run()
    try {
      const result = work()
      end.run()
      return result
    } catch (error) {
      // SQLite has rolled back by itself after some failures of the disk; then there is nothing left to undo.
      if (database.isTransaction) undo.run()
      throw asRecourseError(error)
    }
  }

  return {
    outbox,
    ledger: ledgerTable(store),
    tombstones: tombstoneTable(store),
    records: recordTable(store),
    effects: effectTable(store),
    keys: keyTable(store),
    grants: grantTable(store),
    meta: metaTable(store),
    commit(name, work) {
      if (committing) throw new Error(`commit ${name} inside another one`)
      options.onCommit?.('before', name)
      const before = outbox.last()
      committing = true
      let result: ReturnType<typeof work>
      try {
        result = write(work)
      } finally {
        committing = false
      }
      options.onCommit?.('after', name)
      if (outbox.last() > before) for (const listener of listeners) listener()
      return result
    },
    subscribe(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    close: () => {
      listeners.clear()
      database.close()
    },
  }
}

function open(path: string): DatabaseSync {
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(path, { enableForeignKeyConstraints: true })
    // EXCLUSIVE before WAL: SQLite then keeps the index of the log in its own memory, and takes the lock with the first access.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;')
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
    if (mode !== 'wal' && path !== ':memory:')
      throw new Error(`the journal cannot use a write-ahead log here: ${String(mode)}`)
    database.exec('BEGIN IMMEDIATE; COMMIT;')
    migrate(database)
    return database
  } catch (error) {
    database?.close()
    throw asRecourseError(error)
  }
}

/** The file is made before SQLite sees it, for root alone, and its name is on the disk: a journal that a power cut could take away promises nothing. */
function createPrivately(path: string): void {
  if (existsSync(path)) return
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  if (process.platform === 'win32') return
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function metaTable(store: Store): Meta {
  const get = store.prepare('SELECT value FROM meta WHERE name = ?')
  const set = store.prepare(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  )
  return {
    get: (name) => {
      const row = get.get(name)
      return row === undefined ? null : text(row, 'value')
    },
    set: (name, value) => {
      store.demandCommit()
      set.run(name, value)
    },
  }
}

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html) that mean something to an operator. */
const codes = new Map([
  [5, 'store_locked'],
  [6, 'store_locked'],
  [8, 'read_only'],
  [10, 'io_failed'],
  [11, 'record_damaged'],
  [13, 'no_space'],
  [14, 'io_failed'],
  [26, 'record_damaged'],
] as const)

function asRecourseError(error: unknown): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error
  const code = codes.get((error.errcode & 0xff) as 5)
  return code === undefined ? error : new RecourseError(code, `journal: ${error.message}`, { cause: error })
}
