import { Button } from '@mantine/core'
import { useQueries } from '@tanstack/react-query'
import { useState } from 'react'
import { sentenceFor } from '../../app/problem.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import type { Action } from './action.ts'
import type { Deed } from './can.ts'
import classes from './deed-sheet.module.css'
import { preview } from './queries.ts'
import { plural } from './words.ts'

/** So many devices are asked by themselves; more only on request. */
const askUnasked = 3
const askAtMost = 25

/** What the devices say it would hurt, asked before anybody approves. */
export const Forecast = ({ deed, rows, of }: { deed: Deed; rows: readonly Action[]; of: number }) => {
  const [wanted, setWanted] = useState(of <= askUnasked)
  const asked = rows.slice(0, askAtMost)
  const answers = useQueries({
    queries: asked.map((row) => ({ ...previewOf(row, deed), enabled: wanted })),
  })
  if (rows.length === 0) return null
  if (!wanted) {
    return (
      <div>
        <Button
          size="compact-sm"
          variant="light"
          leftSection={<Icon name="eye" size={15} />}
          onClick={() => setWanted(true)}
        >
          Ask {of > asked.length ? `${asked.length} of the devices` : 'the devices'} what it would hurt
        </Button>
      </div>
    )
  }
  const open = answers.filter((it) => it.isPending).length
  const said = answers.flatMap((it, at) => {
    const row = asked[at]
    if (row === undefined) return []
    const device = visible(row.device.name)
    if (it.isError) return [{ key: `${row.id} e`, text: `${device}: ${sentenceFor(it.error)}` }]
    if (it.data === undefined) return []
    if (it.data.answer === 'refused')
      return [{ key: `${row.id} r`, text: `${device} would refuse: ${visible(it.data.detail)}` }]
    return [
      ...it.data.hurts.map((hurt, n) => ({
        key: `${row.id} h${n}`,
        text: `${device}: ${visible(hurt.what)} – ${visible(hurt.detail)}`,
      })),
      ...it.data.gaps.map((gap, n) => ({
        key: `${row.id} g${n}`,
        text: `${device}: an undo would not restore ${visible(gap.what)} (${visible(gap.why)})`,
      })),
    ]
  })
  return (
    <div className={classes.forecast} aria-live="polite">
      {open > 0 ? <p className={classes.hint}>Asking {plural(open, 'device')} …</p> : null}
      {said.length > 0 ? (
        <div className={classes.note}>
          <Icon name="warning" size={16} />
          <ul>
            {said.slice(0, 30).map((it) => (
              <li key={it.key}>{it.text}</li>
            ))}
            {said.length > 30 ? <li>and {said.length - 30} more</li> : null}
          </ul>
        </div>
      ) : open === 0 ? (
        <p className={classes.good}>
          <Icon name="good" size={16} /> The {asked.length === 1 ? 'device says' : 'devices say'} it would hurt nothing
          else.
        </p>
      ) : null}
    </div>
  )
}

export const previewOf = (row: Action, deed: Deed | 'do') => ({
  queryKey: ['preview', row.id, deed === 'undo' ? 'undo' : 'do'] as const,
  queryFn: () =>
    deed === 'undo' || row.kind === 'undo'
      ? preview({ kind: 'undo', undoOf: deed === 'undo' ? row.id : (row.undoOf ?? row.id) })
      : preview({ kind: 'do', device: row.device.id, action: row.action, params: row.params }),
  staleTime: 30_000,
  retry: false,
})
