import { ActionIcon, Button, Checkbox, Popover } from '@mantine/core'
import classes from './column-choice.module.css'
import { Icon } from './icon.tsx'
import { setDensity, useDensity } from './preference.ts'
import type { TableLayout } from './table-layout.ts'

/** Which columns are shown, in what order, and how dense the rows are; everything here also works by keyboard. */
export function ColumnChoice<Row>({ layout: { table, columns, unsorted, reset } }: { layout: TableLayout<Row> }) {
  const density = useDensity()
  const all = table.state.columnOrder.flatMap((id) => table.getColumn(id) ?? [])
  const move = (id: string, by: -1 | 1) =>
    table.setColumnOrder((order) => {
      const at = order.indexOf(id)
      const other = order[at + by]
      return other === undefined ? order : order.with(at, other).with(at + by, id)
    })
  const sortable = all.some((it) => it.getCanSort())
  return (
    <Popover position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <Button size="xs" variant="default" leftSection={<Icon name="columns" size={15} />}>
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={classes.menu} aria-label="Columns">
        <Checkbox
          size="xs"
          className={classes.density ?? ''}
          label="Compact rows"
          checked={density === 'compact'}
          onChange={(event) => setDensity(event.currentTarget.checked ? 'compact' : 'comfortable')}
        />
        <div className={classes.list}>
          {all.map((column, at) => {
            const head = String(column.columnDef.header)
            return (
              <div key={column.id} className={classes.item}>
                <Checkbox
                  size="xs"
                  label={head}
                  checked={column.getIsVisible()}
                  disabled={column.getIsVisible() && columns.length === 1}
                  onChange={(event) => column.toggleVisibility(event.currentTarget.checked)}
                />
                <span className={classes.moves}>
                  <ActionIcon
                    size="sm"
                    variant="subtle"
                    color="gray"
                    aria-label={`Move ${head} to the front`}
                    disabled={at === 0}
                    onClick={() => move(column.id, -1)}
                  >
                    <Icon name="up" size={14} />
                  </ActionIcon>
                  <ActionIcon
                    size="sm"
                    variant="subtle"
                    color="gray"
                    aria-label={`Move ${head} to the back`}
                    disabled={at === all.length - 1}
                    onClick={() => move(column.id, 1)}
                  >
                    <Icon name="down" size={14} />
                  </ActionIcon>
                </span>
              </div>
            )
          })}
        </div>
        <p className={classes.note}>
          {unsorted ??
            (sortable
              ? 'A press on a head sorts by it, up, down and as it was.'
              : 'This list keeps one order, newest first: it may be longer than what is loaded.')}
        </p>
        <Button size="compact-sm" variant="subtle" onClick={reset}>
          As it was at first
        </Button>
      </Popover.Dropdown>
    </Popover>
  )
}
