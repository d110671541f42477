import { ActionIcon, Button, Checkbox, Popover } from '@mantine/core'
import classes from './column-choice.module.css'
import { Icon } from './icon.tsx'
import type { TableLayout } from './table-layout.ts'

/** Which columns are shown and in what order; everything here also works by keyboard. */
export function ColumnChoice<Row>({ layout }: { layout: TableLayout<Row> }) {
  return (
    <Popover position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <Button size="xs" variant="default" leftSection={<Icon name="columns" size={15} />}>
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={classes.menu} aria-label="Columns">
        <div className={classes.list}>
          {layout.all.map((column, at) => (
            <div key={column.id} className={classes.item}>
              <Checkbox
                size="xs"
                label={column.head}
                checked={layout.shows(column.id)}
                disabled={layout.shows(column.id) && layout.columns.length === 1}
                onChange={(event) => layout.show(column.id, event.currentTarget.checked)}
              />
              <span className={classes.moves}>
                <ActionIcon
                  size="sm"
                  variant="subtle"
                  color="gray"
                  aria-label={`Move ${column.head} to the front`}
                  disabled={at === 0}
                  onClick={() => layout.move(column.id, -1)}
                >
                  <Icon name="up" size={14} />
                </ActionIcon>
                <ActionIcon
                  size="sm"
                  variant="subtle"
                  color="gray"
                  aria-label={`Move ${column.head} to the back`}
                  disabled={at === layout.all.length - 1}
                  onClick={() => layout.move(column.id, 1)}
                >
                  <Icon name="down" size={14} />
                </ActionIcon>
              </span>
            </div>
          ))}
        </div>
        <Button size="compact-sm" variant="subtle" onClick={layout.reset}>
          As it was at first
        </Button>
      </Popover.Dropdown>
    </Popover>
  )
}
