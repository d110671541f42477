import type { ColumnDataType, CreateTableBuilder, Kysely } from 'kysely'

/** How the dialect calls a column of bytes; the only word in which the tables differ. */
export type BytesType = 'blob' | 'bytea'

type Columns = { readonly [name: string]: ColumnDataType | `${'bigint' | 'text' | 'integer'}?` }

/** Words for migrations. */
export const defineTables = (db: Kysely<unknown>, bytes: BytesType) => ({
  /** A table of columns that are never null, except those whose type ends with a question mark. */
  table: (name: string, key: readonly string[], columns: Columns, blobs: readonly string[] = []) => {
    let builder: CreateTableBuilder<string, string> = db.schema.createTable(name)
    for (const [column, type] of Object.entries(columns)) {
      const optional = type.endsWith('?')
      const plain = (optional ? type.slice(0, -1) : type) as ColumnDataType
      builder = builder.addColumn(column, plain, (it) => (optional ? it : it.notNull()))
    }
    for (const blob of blobs) {
      const optional = blob.endsWith('?')
      builder = builder.addColumn(optional ? blob.slice(0, -1) : blob, bytes, (it) => (optional ? it : it.notNull()))
    }
    return builder.addPrimaryKeyConstraint(`${name}_key`, key as string[])
  },
  index: (name: string, on: string, columns: string[]) => db.schema.createIndex(name).on(on).columns(columns).execute(),
})
