import { Button, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type RefObject, useEffect, useState } from 'react'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import actions from '../actions/actions.module.css'
import chips from '../actions/filters.module.css'
import { devicesQuery } from '../devices/queries.ts'
import type { Change } from './list-props.ts'
import type { states, VaultSearch } from './search.ts'
import classes from './vault.module.css'

const stateWords: Readonly<Record<(typeof states)[number], string>> = {
  'in-vault': 'In the vault now',
  restored: 'Put back',
  purged: 'Purged',
  all: 'Everything',
}
const ages = [7, 30, 90, 180, 365] as const
const typingMs = 250

/** What is shown. Everything chosen stands in the address, so that a link is a saved view. */
export const VaultFilters = ({
  search,
  change,
  inputRef,
}: {
  search: VaultSearch
  change: Change
  inputRef: RefObject<HTMLInputElement | null>
}) => {
  const devices = useQuery({ ...devicesQuery, enabled: search.device !== undefined }).data
  const device = devices?.find((it) => it.id === search.device)?.name ?? `…${search.device?.slice(-6)}`
  const { by: _, ...filter } = search
  return (
    <div className={actions.bar}>
      <SearchBox value={search.q ?? ''} change={change} inputRef={inputRef} />
      <Select
        size="xs"
        className={classes.pick ?? ''}
        aria-label="What became of them"
        allowDeselect={false}
        data={Object.entries(stateWords).map(([value, label]) => ({ value, label }))}
        value={search.state ?? 'in-vault'}
        onChange={(value) =>
          change({ state: value === null || value === 'in-vault' ? undefined : (value as keyof typeof stateWords) })
        }
      />
      <Select
        size="xs"
        className={classes.pick ?? ''}
        aria-label="Age"
        placeholder="Any age"
        data={ages.map((days) => ({ value: String(days), label: `Older than ${days} days` }))}
        value={search.age === undefined ? null : String(search.age)}
        onChange={(value) => change({ age: value === null ? undefined : Number(value) })}
        clearable
        clearButtonProps={{ 'aria-label': 'Any age' }}
      />
      {search.device === undefined ? null : (
        <Chip label="Device" value={visible(device)} remove={() => change({ device: undefined })} />
      )}
      {search.sha256 === undefined ? null : (
        <Chip label="Content" value={`${search.sha256.slice(0, 12)}…`} remove={() => change({ sha256: undefined })} />
      )}
      {Object.keys(filter).length === 0 ? null : (
        <Button
          size="compact-sm"
          variant="subtle"
          component={Link}
          to="/vault"
          search={(search.by === undefined ? {} : { by: search.by }) as never}
        >
          Clear
        </Button>
      )}
    </div>
  )
}

const Chip = ({ label, value, remove }: { label: string; value: string; remove: () => void }) => (
  <span className={chips.chip} data-chosen>
    <span className={chips.chipText} title={value}>
      {label}: {value}
    </span>
    <button type="button" onClick={remove} aria-label={`Remove the filter ${label}`}>
      <Icon name="close" size={13} />
    </button>
  </span>
)

/** Searches while one types, once the typing pauses. */
const SearchBox = ({
  value,
  change,
  inputRef,
}: {
  value: string
  change: Change
  inputRef: RefObject<HTMLInputElement | null>
}) => {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text.trim() === value) return
    const timer = window.setTimeout(() => change({ q: text.trim() === '' ? undefined : text.trim() }), typingMs)
    return () => window.clearTimeout(timer)
  }, [text, value, change])
  return (
    <TextInput
      ref={inputRef}
      className={chips.search ?? ''}
      size="xs"
      type="search"
      aria-label="Search path, hash or device"
      placeholder="Search path, hash or device"
      leftSection={<Icon name="search" size={15} />}
      value={text}
      maxLength={200}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  )
}
