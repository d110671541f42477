import { AsyncLocalStorage } from 'node:async_hooks'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type ControlledTransaction, Kysely, type Transaction } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import { type Checkpoints, keepCheckpoints } from './checkpoints.ts'
import { EvenListsDialect } from './even-lists.ts'
import { type Disk, keepOnDisk, type LogOnDisk } from './log-on-disk.ts'
import { migrate } from './migrations.ts'
import { runsOn } from './prepared.ts'
import { ReaderDialect } from './reader-dialect.ts'
import type { Schema } from './schema.ts'
import { keepStatements, type Statements } from './statements.ts'
import type { Store } from './store.ts'

/**
 * INVARIANTS
 * - One process holds the folder: `recourse.lock` is a database in an open exclusive transaction, and the system frees that when the
 *   process dies, however it dies. A second process is told `store_locked` and has touched nothing.
 * - WAL: what a commit has written is brought to the disk off the event loop (log-on-disk.ts); those who come meanwhile share the next one.
 *   Copying the log into the database is left to a thread (checkpoints.ts).
 * - One connection writes. Works run one after the other, several to one commit, each behind a savepoint of its own. The one that finds
 *   nothing in the transaction does without: a savepoint copies each page before it is changed, and what fails alone is taken back whole.
 * - A promise is settled only when the disk has the commit that holds its work. When the commit fails, every work of the group has failed.
 * - A work must not ask for another write and wait for it: it would wait for itself. That is a bug and throws.
 */

/** Where the database lies, and how many works may share a commit. */
export interface SqliteOptions {
  readonly folder: string
  readonly groupSize?: number
  /** Told once, when the disk did not take a commit: the store then answers nothing but that. */
  readonly failed?: ((failure: Error) => void) | undefined
  /** For tests that hold it up, or let it fail. */
  readonly disk?: Disk
}

interface Waiting {
  readonly run: (transaction: Transaction<Schema>) => Promise<void>
  readonly settle: () => void
  readonly fail: (reason: unknown) => void
}

/** Opens the store, creating and migrating it where needed. Rejects with RecourseError `store_locked`. */
export async function openSqlite({ folder, groupSize = 128, failed = nothing, disk }: SqliteOptions): Promise<Store> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = lockFolder(folder)
  const file = join(folder, 'recourse.db')
  try {
    const database = open(file, false)
    const statements = keepStatements(database)
    const writer = over(statements)
    chmodSync(file, 0o600)
    await migrate(writer, 'blob')
    // Each commit of a migration is on the disk when it returns; from here on the store sees to that.
    database.exec('PRAGMA synchronous = NORMAL')
    const log = keepOnDisk(`${file}-wal`, failed, disk)
    const checkpoints = keepCheckpoints(file, (pages) => database.exec(`PRAGMA wal_autocheckpoint = ${pages}`))
    const readable = open(file, true)
    const readStatements = keepStatements(readable)
    const read = new Kysely<Schema>({ dialect: new ReaderDialect(readStatements, log) })
    runsOn(read, { statements: readStatements, when: log.whenTaken })
    const release = async () => {
      await checkpoints.close()
      log.close()
      await read.destroy()
      // One that was never asked anything is not closed with what stands over it; the last to close takes the log away, if it may write.
      if (readable.isOpen) readable.close()
      await writer.destroy()
      lock.close()
    }
    return storeOver({ writer, statements, read, log, checkpoints, release }, groupSize)
  } catch (failure) {
    lock.close()
    throw failure
  }
}

/** They stand around every work but the first. */
const savepoint = { begin: 'savepoint work', takeBack: 'rollback to work', end: 'release work' }

const nothing = () => undefined

/** The database may have ended the transaction by itself, as it does on a full disk; there is then nothing to take back. */
async function rollBack(transaction: ControlledTransaction<Schema>): Promise<void> {
  try {
    await transaction.rollback().execute()
  } catch {
    // Whatever has made it fail is what the works are told.
  }
}

interface Opened {
  readonly writer: Kysely<Schema>
  readonly statements: Statements
  readonly read: Kysely<Schema>
  readonly log: LogOnDisk
  readonly checkpoints: Checkpoints
  release(): Promise<void>
}

function storeOver({ writer, statements, read, log, checkpoints, release }: Opened, groupSize: number): Store {
  const queue: Waiting[] = []
  const inside = new AsyncLocalStorage<{ running: boolean }>()
  let working: Promise<void> | null = null
  let closed = false
  /** The turn of the event loop that is going on has had its commit. */
  let committed = false

  const work = async () => {
    while (queue.length > 0) {
      // Who comes to an idle store goes at once; everything that arrives behind it in the same turn shares the next commit.
      if (committed) await new Promise((resolve) => setImmediate(resolve))
      committed = true
      setImmediate(() => {
        committed = false
      })
      await commitGroup()
      await checkpoints.committed()
    }
    working = null
  }

  /** Rows that this connection has changed so far. */
  const changed = () =>
    Number((statements.prepare('select total_changes() as rows').all([])[0] as { rows: number }).rows)

  const commitGroup = async () => {
    const taken: Waiting[] = []
    const take = () => {
      const next = taken.length < groupSize ? queue.shift() : undefined
      if (next !== undefined) taken.push(next)
      return next
    }
    const refused = new Set<Waiting>()
    const before = changed()
    let transaction: ControlledTransaction<Schema> | null = null
    try {
      for (let waiting = take(); waiting !== undefined; waiting = take()) {
        const alone = taken.length - refused.size === 1
        transaction ??= await writer.startTransaction().execute()
        if (!alone) statements.prepare(savepoint.begin).run([])
        try {
          await waiting.run(transaction)
        } catch (reason) {
          refused.add(waiting)
          waiting.fail(reason)
          if (alone) {
            await rollBack(transaction)
            transaction = null
            continue
          }
          statements.prepare(savepoint.takeBack).run([])
        }
        if (!alone) statements.prepare(savepoint.end).run([])
      }
      const whole = transaction
      if (whole !== null)
        await log.take(async () => {
          await whole.commit().execute()
          return changed() - before
        })
    } catch (failure) {
      if (transaction !== null) await rollBack(transaction)
      if (taken.length === 0) take()
      for (const waiting of taken) waiting.fail(failure)
      return
    }
    for (const waiting of taken) if (!refused.has(waiting)) waiting.settle()
  }

  return {
    read,
    write: <T>(task: (transaction: Transaction<Schema>) => Promise<T>) => {
      if (closed) return Promise.reject(new RecourseError('starting', 'the store is closed'))
      if (inside.getStore()?.running === true) {
        return Promise.reject(new Error('a write inside a write would wait for itself'))
      }
      return new Promise<T>((resolve, reject) => {
        const around = { running: true }
        let result: { value: T } | null = null
        queue.push({
          run: (transaction) =>
            inside.run(around, async () => {
              const ended = runsOn(transaction, { statements, when: (step) => step() })
              try {
                result = { value: await task(transaction) }
              } finally {
                around.running = false
                ended()
              }
            }),
          settle: () => resolve((result as { value: T }).value),
          fail: reject,
        })
        working ??= work()
      })
    },
    close: async () => {
      closed = true
      await working
      await release()
    },
  }
}

function lockFolder(folder: string): DatabaseSync {
  const lock = new DatabaseSync(join(folder, 'recourse.lock'))
  try {
    lock.exec('PRAGMA busy_timeout = 0')
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock.close()
    throw new RecourseError('store_locked', `another process holds the database in ${folder}`, { cause })
  }
}

/** So much of the database stays in memory; with less, large writes put pages into the log that they change again. In KiB. */
const cached = { writer: 65_536, reader: 32_768 }

function open(file: string, readOnly: boolean): DatabaseSync {
  const database = new DatabaseSync(file, { readOnly, enableForeignKeyConstraints: true, timeout: 5_000 })
  database.exec(`PRAGMA cache_size = -${readOnly ? cached.reader : cached.writer}; PRAGMA temp_store = memory`)
  if (!readOnly)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864')
  return database
}

const over = (database: Statements): Kysely<Schema> =>
  new Kysely<Schema>({ dialect: new EvenListsDialect({ database }) })
