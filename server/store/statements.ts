import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/** So many statements are kept. */
const preparedLimit = 500

/** A statement as kysely runs it, and as the prepared ones do. */
export interface Statement {
  readonly reader: boolean
  all(parameters: readonly unknown[]): unknown[]
  run(parameters: readonly unknown[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>
  /** What it answers; nothing when it only writes. */
  rows(parameters: readonly unknown[]): unknown[]
}

export interface Statements {
  prepare(sql: string): Statement
  close(): void
}

/**
 * The face of a database that kysely expects. Prepared statements are kept by their text, the oldest given up first.
 * One that is used often is soon made again; to note each use would be a write to memory for each statement that runs.
 * Integers beyond 2^53 are refused on reading rather than rounded; bigint is taken as a parameter.
 */
export function keepStatements(database: DatabaseSync): Statements {
  const prepared = new Map<string, Statement>()
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const known = prepared.get(sql)
      if (known !== undefined) return known
      const statement = statementOf(database.prepare(sql))
      prepared.set(sql, statement)
      if (prepared.size > preparedLimit) prepared.delete(prepared.keys().next().value as string)
      return statement
    },
  }
}

function statementOf(statement: StatementSync): Statement {
  const names = statement.columns().map((column) => column.name)
  const rowOf = rowsWith(names)
  const reader = names.length > 0
  statement.setReturnArrays(true)
  // What only writes answers with the number of its last row, which the index of texts makes larger than a number can be.
  if (!reader) statement.setReadBigInts(true)
  const all = (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])).map(rowOf)
  const run = (parameters: readonly unknown[]) => statement.run(...(parameters as SQLInputValue[]))
  return {
    reader,
    all,
    run,
    iterate: function* (parameters) {
      for (const row of statement.iterate(...(parameters as SQLInputValue[]))) yield rowOf(row)
    },
    rows: (parameters) => {
      if (reader) return all(parameters)
      run(parameters)
      return []
    },
  }
}

/**
 * Makes rows of values, all with the form of one. As the driver makes them, each is a table of its own to look names up in: copying one
 * with a changed column, as every step of an action does, takes fifty times as long.
 */
function rowsWith(names: readonly string[]): (values: unknown) => unknown {
  // Only what is parsed gets its form at once, and passes it on to its copies.
  const form: unknown = JSON.parse(JSON.stringify(Object.fromEntries(names.map((name) => [name, null]))))
  return (values) => {
    const row = { ...(form as { [name: string]: unknown }) }
    for (const [at, name] of names.entries()) row[name] = (values as readonly unknown[])[at]
    return row
  }
}
