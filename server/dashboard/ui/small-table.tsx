import { Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'
import { isForbidden } from '../app/problem.ts'
import { NoAccess, Trouble } from './screens.tsx'
import classes from './small-table.module.css'

export interface SmallColumn<Row> {
  readonly head: string
  cell(row: Row): ReactNode
}

/** A table of few rows, all of them on the page; on a phone each row stands by itself with its heads beside it. */
export function SmallTable<Row>({
  label,
  rows,
  error = null,
  idOf,
  columns,
  dimmed,
  doings,
  empty,
}: {
  label: string
  /** Undefined while they are read. */
  rows: readonly Row[] | undefined
  error?: unknown
  idOf: (row: Row) => string
  columns: readonly SmallColumn<Row>[]
  dimmed?: (row: Row) => boolean
  /** What one can do to a row: buttons. */
  doings?: ((row: Row) => ReactNode) | null
  empty?: ReactNode
}) {
  if (rows === undefined) {
    if (error === null) return <Skeleton height={96} aria-label="Loading" />
    return isForbidden(error) ? <NoAccess error={error} /> : <Trouble error={error} />
  }
  if (rows.length === 0 && empty !== undefined) return empty
  return (
    <table className={classes.table} aria-label={label}>
      <thead>
        <tr>
          {columns.map((it) => (
            <th key={it.head} scope="col">
              {it.head}
            </th>
          ))}
          {doings ? (
            <th className={classes.last} scope="col">
              <span aria-hidden="true" />
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={idOf(row)} data-dimmed={dimmed?.(row) || undefined}>
            {columns.map((it) => (
              <td key={it.head} data-head={it.head}>
                <span>{it.cell(row)}</span>
              </td>
            ))}
            {doings ? (
              <td className={classes.last} data-head="">
                <span className={classes.doings}>{doings(row)}</span>
              </td>
            ) : null}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
