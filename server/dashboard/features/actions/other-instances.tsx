import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get } from '../../app/api.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import type { Action } from './action.ts'
import { DeedSheet } from './deed-sheet.tsx'
import classes from './flyout.module.css'
import type { Page } from './queries.ts'
import { StatusMark } from './status.tsx'
import { plural } from './words.ts'

const shownAtMost = 5

/** The same thing elsewhere: the same bytes for a file, wherever it lay, and the same target for anything else. */
export const OtherInstances = ({ row }: { row: Action }) => {
  const [sheet, setSheet] = useState(false)
  const { data } = useQuery({
    queryKey: ['actions', 'instances', row.action, row.params.sha256 ?? row.target.label],
    queryFn: ({ signal }) => readInstances(row, signal),
    enabled: row.kind === 'do',
  })
  const others = (data?.items ?? []).filter((it) => it.id !== row.id)
  if (others.length === 0) return null
  const undoable = others.filter((it) => it.canUndo)
  return (
    <section className={classes.section}>
      <h3>
        {plural(others.length, 'other instance')}
        {data?.complete === true ? '' : ' and more'}
      </h3>
      <div>
        {others.slice(0, shownAtMost).map((it) => (
          <div key={it.id} className={classes.instance}>
            <Icon name="devices" size={16} />
            <span>
              {visible(it.device.name)}
              {it.target.label === row.target.label ? null : (
                <span className={classes.quiet}> {visible(it.target.label)}</span>
              )}
            </span>
            <StatusMark status={it.status} />
          </div>
        ))}
        {others.length > shownAtMost ? <p className={classes.quiet}>and {others.length - shownAtMost} more</p> : null}
      </div>
      {undoable.length === 0 || row.undoTitle === null ? null : (
        <div>
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="undo" size={15} />}
            onClick={() => setSheet(true)}
          >
            Apply {row.undoTitle.toLowerCase()} to {plural(undoable.length, 'more instance')}
          </Button>
        </div>
      )}
      {sheet ? (
        <DeedSheet deed="undo" rows={row.canUndo ? [row, ...undoable] : undoable} close={() => setSheet(false)} />
      ) : null}
    </section>
  )
}

const countedAtMost = 1_000

/** Counted before anything is offered: as many as one undo takes. */
async function readInstances(
  { action, params, target }: Action,
  signal: AbortSignal,
): Promise<{ readonly items: readonly Action[]; readonly complete: boolean }> {
  const same = typeof params.sha256 === 'string' ? { sha256: params.sha256 } : { target: target.label }
  const items: Action[] = []
  let cursor: string | null = null
  do {
    const page: Page = await get<Page>('/v1/actions', { action, kind: 'do', ...same, cursor, limit: 200 }, signal)
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== null && items.length < countedAtMost)
  return { items, complete: cursor === null }
}
