import type { SQLOutputValue } from 'node:sqlite'
import { RecourseError } from '../../protocol/errors.ts'

/** One row as SQLite gives it; the readers below say what a column must hold. */
export type Row = Record<string, SQLOutputValue>

export const text = (row: Row, column: string): string => {
  const value = row[column]
  return typeof value === 'string' ? value : wrong(column)
}

export const integer = (row: Row, column: string): number => {
  const value = row[column]
  return typeof value === 'number' ? value : wrong(column)
}

export const bytes = (row: Row, column: string): Uint8Array => {
  const value = row[column]
  return value instanceof Uint8Array ? value : wrong(column)
}

/** Any of the readers above, for a column that may be empty. */
export const optional = <T>(read: (row: Row, column: string) => T, row: Row, column: string): T | null =>
  row[column] === null ? null : read(row, column)

/** Text that is one of a closed set, as the table's own CHECK has it. */
export const oneOf = <const T extends string>(values: readonly T[], row: Row, column: string): T => {
  const found = text(row, column)
  return values.find((value) => value === found) ?? wrong(column)
}

function wrong(column: string): never {
  throw new RecourseError('record_damaged', `the journal holds something else than it should in column ${column}`)
}
