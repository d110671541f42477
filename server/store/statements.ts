import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { ManyRuns } from './prepared.ts'

/** So many statements are kept. */
const preparedLimit = 500

/**
 * The face of a database that kysely expects. Prepared statements are kept by their text, the least recently used given up first.
 * Integers beyond 2^53 are refused on reading rather than rounded; bigint is taken as a parameter.
 */
export function keepStatements(database: DatabaseSync) {
  const prepared = new Map<string, ReturnType<typeof statementOf>>()
  return {
    close: () => database.close(),
    prepare: (sql: string) => {
      const statement = prepared.get(sql) ?? statementOf(database.prepare(sql))
      prepared.delete(sql)
      prepared.set(sql, statement)
      if (prepared.size > preparedLimit) prepared.delete(prepared.keys().next().value as string)
      return statement
    },
  }
}

const statementOf = (statement: StatementSync) => {
  const names = statement.columns().map((column) => column.name)
  const rowOf = rowsWith(names)
  statement.setReturnArrays(true)
  // What only writes answers with the number of its last row, which the index of texts makes larger than a number can be.
  if (names.length === 0) statement.setReadBigInts(true)
  const all = (parameters: readonly unknown[]): unknown[] => statement.all(...(parameters as SQLInputValue[]))
  return {
    reader: names.length > 0,
    all: (parameters: readonly unknown[]) => {
      const [only] = parameters
      const runs = only instanceof ManyRuns ? only.runs : [parameters]
      return runs.flatMap((run) => all(run).map(rowOf))
    },
    run: (parameters: readonly unknown[]) => {
      const [only] = parameters
      if (!(only instanceof ManyRuns)) return statement.run(...(parameters as SQLInputValue[]))
      let changes = 0
      for (const run of only.runs) changes += Number(statement.run(...(run as SQLInputValue[])).changes)
      return { changes, lastInsertRowid: 0n }
    },
    iterate: function* (parameters: readonly unknown[]) {
      for (const row of statement.iterate(...(parameters as SQLInputValue[]))) yield rowOf(row)
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
