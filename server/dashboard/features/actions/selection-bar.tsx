import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMe } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { settingsQuery } from '../settings/queries.ts'
import type { Action, View } from './action.ts'
import classes from './actions.module.css'
import { type Deed, obstacle } from './can.ts'
import type { Counted } from './queries.ts'
import { countWords, deedWords, plural } from './words.ts'

const offered: Readonly<Record<View, readonly Deed[]>> = {
  pending: ['approve', 'reject', 'cancel'],
  history: ['undo', 'cancel', 'approve', 'reject'],
  'in-force': ['undo'],
}

/** What one can do with the chosen rows; each button says to how many of them it applies. */
export const SelectionBar = ({
  view,
  rows,
  all,
  everything,
  chooseEverything,
  act,
  clear,
}: {
  view: View
  rows: readonly Action[]
  /** How many the filter lets through; null where every one of them is loaded. */
  all: Counted | null
  /** Everything that the filter lets through is chosen, loaded or not. */
  everything: boolean
  chooseEverything: () => void
  act: (deed: Deed) => void
  clear: () => void
}) => {
  const me = useMe()
  const rules = useQuery(settingsQuery).data
  const devices = new Set(rows.map((row) => row.device.id)).size
  return (
    <section className={classes.selection} aria-label="Selection">
      {everything ? (
        <strong>All {all === null ? '' : countWords(all)} that match are selected</strong>
      ) : (
        <>
          <strong>{plural(rows.length, 'action')} selected</strong>
          <span className={classes.words}>on {plural(devices, 'device')}</span>
          {all === null ? null : (
            <Button size="compact-sm" variant="subtle" onClick={chooseEverything}>
              Select all {countWords(all)} that match
            </Button>
          )}
        </>
      )}
      <div className={classes.push}>
        {offered[view].map((deed) => {
          const count = rows.filter((row) => obstacle(deed, row, me, rules) === null).length
          if (count === 0) return null
          return (
            <Button key={deed} size="xs" variant={deed === 'approve' ? 'filled' : 'default'} onClick={() => act(deed)}>
              {deedWords[deed].verb}
              {everything ? ' all …' : count === rows.length ? '' : ` ${count} of them`}
            </Button>
          )
        })}
        <Button size="xs" variant="subtle" leftSection={<Icon name="close" size={14} />} onClick={clear}>
          Select nothing
        </Button>
      </div>
    </section>
  )
}
