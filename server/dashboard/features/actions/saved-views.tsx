import { Button, Menu, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Icon } from '../../ui/icon.tsx'
import { type SavedView, setSavedViews, useSavedViews } from '../../ui/preference.ts'
import type { View } from './action.ts'
import { type ActionSearch, readActionSearch } from './search.ts'

/** Filters under a name, kept for the person in every browser of theirs. */
export const SavedViews = ({ view, search }: { view: View; search: ActionSearch }) => {
  const saved = useSavedViews(view)
  const [name, setName] = useState('')
  const navigate = useNavigate()
  const keep = (next: readonly SavedView[]) => setSavedViews(view, next)
  const filtered = Object.keys(search).length > 0
  return (
    <Menu position="bottom-end" withinPortal width={260}>
      <Menu.Target>
        <Button size="compact-sm" variant="subtle" leftSection={<Icon name="filter" size={15} />}>
          Saved views
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {saved.length === 0 ? <Menu.Label>No view is saved yet</Menu.Label> : null}
        {saved.map((it) => (
          <Menu.Item
            key={it.name}
            onClick={() =>
              void navigate({
                to: '/actions/$view',
                params: { view },
                search: readActionSearch({ ...it.search }) as never,
              })
            }
          >
            {it.name}
          </Menu.Item>
        ))}
        {saved.map((it) => (
          <Menu.Item key={`forget ${it.name}`} color="red" onClick={() => keep(saved.filter((other) => other !== it))}>
            Forget “{it.name}”
          </Menu.Item>
        ))}
        {filtered ? (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              if (name.trim() === '') return
              keep([...saved.filter((it) => it.name !== name.trim()), { name: name.trim(), search: { ...search } }])
              setName('')
            }}
          >
            <Menu.Label>Save these filters</Menu.Label>
            <TextInput
              size="xs"
              m={6}
              aria-label="Name of the view"
              placeholder="Name, then Enter"
              value={name}
              maxLength={60}
              onChange={(event) => setName(event.currentTarget.value)}
              onKeyDown={(event) => event.stopPropagation()}
            />
          </form>
        ) : (
          <Menu.Label>Choose filters first, then save them here</Menu.Label>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
