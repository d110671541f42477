import type { Insertable, Kysely, Transaction, Updateable } from 'kysely'
import { type Prepared, prepare } from './prepared.ts'
import type { ActionTable, Schema } from './schema.ts'

/** A row as its columns are filled; which columns those are, the first row of a call says for all of them. */
type Columns = { readonly [column: string]: unknown }

const inserts = new Map<string, Prepared<Columns, unknown>>()
const updates = new Map<string, Prepared<Columns, unknown>>()

/** Inserts rows that fill the same columns. */
export async function insertRows<Table extends keyof Schema>(
  transaction: Transaction<Schema>,
  table: Table,
  rows: readonly Insertable<Schema[Table]>[],
): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  const statement = once(inserts, `${table} ${columns.join(' ')}`, () =>
    prepare((db: Kysely<Schema>, slot) =>
      db.insertInto(table).values(Object.fromEntries(columns.map((column) => [column, slot(column)])) as never),
    ),
  )
  await statement.many(transaction, rows)
}

/** Changes actions, each in its own way. Those that change the same columns are one call; an action may be named once only. */
export async function updateActions(
  transaction: Transaction<Schema>,
  changes: readonly { readonly id: ActionTable['id']; readonly set: Updateable<ActionTable> }[],
): Promise<void> {
  const byColumns = new Map<string, Columns[]>()
  for (const { id, set } of changes) {
    const columns = Object.keys(set).join(' ')
    const its = byColumns.get(columns)
    if (its === undefined) byColumns.set(columns, [{ ...set, which: id }])
    else its.push({ ...set, which: id })
  }
  for (const [columns, its] of byColumns) {
    const statement = once(updates, columns, () =>
      prepare((db: Kysely<Schema>, slot) =>
        db
          .updateTable('action')
          .set(Object.fromEntries(columns.split(' ').map((column) => [column, slot(column)])) as never)
          .where('id', '=', slot('which') as never),
      ),
    )
    await statement.many(transaction, its)
  }
}

function once(
  known: Map<string, Prepared<Columns, unknown>>,
  key: string,
  make: () => Prepared<Columns, unknown>,
): Prepared<Columns, unknown> {
  const statement = known.get(key) ?? make()
  known.set(key, statement)
  return statement
}
