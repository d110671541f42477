import { TextInput } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { type ReactNode, useMemo, useRef, useState } from 'react'
import { get, type Query } from '../app/api.ts'
import { useShortcuts } from '../app/keyboard.ts'
import { LoadingRows } from '../features/actions/loading-rows.tsx'
import { ColumnChoice } from './column-choice.tsx'
import { DataTable } from './data-table.tsx'
import { Icon } from './icon.tsx'
import classes from './list-page.module.css'
import { useNarrow } from './narrow.ts'
import { PageHead } from './page-head.tsx'
import { Trouble } from './screens.tsx'
import { type Column, useTableLayout } from './table-layout.ts'

interface Page<Row> {
  readonly items: readonly Row[]
  readonly next: string | null
}

const rowsAtOnce = 100

/** A list of the API, page by page as one scrolls. What is shown stays until a changed filter is answered. */
export function usePages<Row>(key: string, path: string, query: Query = {}) {
  // What is not chosen is not asked: the same list under the same key, however it came about.
  const asked = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null && value !== ''))
  const list = useInfiniteQuery({
    queryKey: [key, 'list', asked],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Row>>(path, { ...asked, cursor: pageParam, limit: rowsAtOnce }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Row>) => page.next,
    placeholderData: (before) => before,
  })
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  return { ...list, rows }
}

interface ListPageProps<Row> {
  /** Under which the choice of columns is kept. */
  readonly name: string
  readonly title: string
  readonly about: string
  readonly list: ReturnType<typeof usePages<Row>>
  readonly columns: readonly Column<Row>[]
  readonly idOf: (row: Row) => string
  readonly nameOf: (row: Row) => string
  /** A row where there is no room for columns. */
  readonly compact: (row: Row) => ReactNode
  readonly open: (row: Row) => void
  readonly search?: { readonly label: string; readonly value: string; change(value: string): void }
  /** Filters, behind the search. */
  readonly filters: ReactNode
  /** Beside the title. */
  readonly head?: ReactNode
  /** Between the title and the filters. */
  readonly above?: ReactNode
  readonly empty: ReactNode
}

/** The frame of every list: title, search, filters, the table, and the keys that go through it. */
export function ListPage<Row>(props: ListPageProps<Row>) {
  const { title, list, columns, idOf, open, search } = props
  const { rows } = list
  const narrow = useNarrow()
  const layout = useTableLayout(props.name, columns, false)
  const [active, setActive] = useState<string | null>(null)
  const box = useRef<HTMLInputElement>(null)
  const step = (by: number) => {
    const at = rows.findIndex((it) => idOf(it) === active)
    const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]
    setActive(row === undefined ? null : idOf(row))
  }
  useShortcuts([
    { keys: 'j', label: 'Next', group: title, run: () => step(1) },
    { keys: 'k', label: 'Previous', group: title, run: () => step(-1) },
    {
      keys: 'Enter',
      label: 'Open',
      group: title,
      run: () => {
        const row = rows.find((it) => idOf(it) === active)
        if (row !== undefined) open(row)
      },
    },
    ...(search === undefined ? [] : [{ keys: '/', label: 'Search', group: title, run: () => box.current?.focus() }]),
  ])
  return (
    <div className={classes.page}>
      <PageHead title={title} about={props.about}>
        {props.head}
        {narrow ? null : <ColumnChoice layout={layout} />}
      </PageHead>
      {props.above}
      <div className={classes.bar}>
        {search === undefined ? null : (
          <TextInput
            ref={box}
            className={classes.search ?? ''}
            size="xs"
            type="search"
            aria-label={search.label}
            placeholder={search.label}
            leftSection={<Icon name="search" size={15} />}
            maxLength={200}
            value={search.value}
            onChange={(event) => search.change(event.currentTarget.value)}
          />
        )}
        {props.filters}
      </div>
      <div className={classes.table}>
        {list.isPending ? (
          <LoadingRows />
        ) : list.isError ? (
          <div className={classes.bar}>
            <Trouble error={list.error} retry={() => void list.refetch()} />
          </div>
        ) : (
          <DataTable
            label={title}
            rows={rows}
            idOf={idOf}
            nameOf={props.nameOf}
            layout={layout}
            narrow={narrow}
            compact={props.compact}
            active={active}
            onActive={setActive}
            onOpen={open}
            more={{ has: list.hasNextPage, loading: list.isFetchingNextPage, load: () => void list.fetchNextPage() }}
            empty={props.empty}
          />
        )}
      </div>
    </div>
  )
}

/** One row on a narrow screen: what and when, a line about it, and how it stands. */
export const CompactRow = ({
  title,
  time,
  middle,
  foot,
  end,
}: {
  title: ReactNode
  time: ReactNode
  middle: ReactNode
  foot: ReactNode
  end?: ReactNode
}) => (
  <div className={classes.row}>
    <div className={classes.top}>
      <span className={classes.title}>{title}</span>
      <span className={classes.time}>{time}</span>
    </div>
    <span className={classes.middle}>{middle}</span>
    <div className={classes.foot}>
      <span>{foot}</span>
      <span className={classes.end}>{end}</span>
    </div>
  </div>
)

/** A filter of few values, of which one holds or none. */
export function Chips<Value extends string>({
  label,
  choices,
  value,
  change,
}: {
  label: string
  choices: Readonly<Record<Value, string>>
  value: Value | null
  change: (value: Value | null) => void
}) {
  return (
    <fieldset className={classes.chips} aria-label={label}>
      {(Object.keys(choices) as Value[]).map((it) => (
        <button
          key={it}
          type="button"
          className={classes.chip}
          aria-pressed={value === it}
          onClick={() => change(value === it ? null : it)}
        >
          {choices[it]}
        </button>
      ))}
    </fieldset>
  )
}
