import { type CompiledQuery, type DatabaseConnection, type Driver, SqliteDriver } from 'kysely'
import { EvenListsDialect } from './even-lists.ts'
import type { LogOnDisk } from './log-on-disk.ts'
import type { Statements } from './statements.ts'

/** A connection that only reads, and sees nothing that the disk does not have. */
export class ReaderDialect extends EvenListsDialect {
  readonly #driver: Driver

  constructor(database: Statements, log: LogOnDisk) {
    super({ database })
    this.#driver = new ReaderDriver(database, log)
  }

  override createDriver(): Driver {
    return this.#driver
  }
}

class ReaderDriver extends SqliteDriver {
  readonly #log: LogOnDisk

  constructor(database: Statements, log: LogOnDisk) {
    super({ database })
    this.#log = log
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection()
    const log = this.#log
    return {
      executeQuery: <Row>(query: CompiledQuery) => log.whenTaken(() => connection.executeQuery<Row>(query)),
      streamQuery: async function* <Row>(query: CompiledQuery, chunkSize: number) {
        await log.whenTaken(() => undefined)
        yield* connection.streamQuery<Row>(query, chunkSize)
      },
    }
  }
}
