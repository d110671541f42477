import { ActionIcon, Button, Popover, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Icon } from '../../ui/icon.tsx'
import { type SavedView, setSavedViews, useSavedViews } from '../../ui/preference.ts'
import type { View } from './action.ts'
import classes from './filters.module.css'
import { type ActionSearch, readActionSearch } from './search.ts'

/** Filters under a name, kept for the person in every browser of theirs. */
export const SavedViews = ({ view, search }: { view: View; search: ActionSearch }) => {
  const saved = useSavedViews(view)
  const [open, setOpen] = useState(false)
  const [name, setName] = useState('')
  const navigate = useNavigate()
  const keep = (next: readonly SavedView[]) => setSavedViews(view, next)
  const show = (it: SavedView) => {
    setOpen(false)
    void navigate({ to: '/actions/$view', params: { view }, search: readActionSearch({ ...it.search }) as never })
  }
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus withinPortal width={270}>
      <Popover.Target>
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<Icon name="filter" size={15} />}
          onClick={() => setOpen(!open)}
        >
          Saved views
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={classes.menu}>
        {saved.length === 0 ? <p className={classes.hint}>No view is saved yet.</p> : null}
        <ul className={classes.views}>
          {saved.map((it) => (
            <li key={it.name}>
              <button type="button" onClick={() => show(it)}>
                {it.name}
              </button>
              <ActionIcon
                size="sm"
                variant="subtle"
                color="gray"
                aria-label={`Forget ${it.name}`}
                onClick={() => keep(saved.filter((other) => other !== it))}
              >
                <Icon name="close" size={13} />
              </ActionIcon>
            </li>
          ))}
        </ul>
        {Object.keys(search).length > 0 ? (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              if (name.trim() === '') return
              keep([...saved.filter((it) => it.name !== name.trim()), { name: name.trim(), search: { ...search } }])
              setName('')
            }}
          >
            <TextInput
              size="xs"
              label="Save these filters as"
              placeholder="Name, then Enter"
              value={name}
              maxLength={60}
              onChange={(event) => setName(event.currentTarget.value)}
            />
          </form>
        ) : (
          <p className={classes.hint}>Choose filters first, then save them here.</p>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}
