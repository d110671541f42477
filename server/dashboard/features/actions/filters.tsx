import { Button, Checkbox, Popover, Select, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { actionNames, specOf } from '../../../../protocol/actions/index.ts'
import { effect, status } from '../../../../protocol/status.ts'
import { Icon } from '../../ui/icon.tsx'
import { sources, type View } from './action.ts'
import classes from './filters.module.css'
import type { ActionSearch, Window } from './search.ts'
import { effectWord, statusLooks } from './status.tsx'

type ListName = 'status' | 'effect' | 'type' | 'source'

interface Facet {
  readonly name: ListName
  readonly label: string
  readonly options: readonly (readonly [value: string, label: string])[]
}

const typeFacet: Facet = {
  name: 'type',
  label: 'Action',
  options: actionNames.map((name) => [name, specOf(name).title] as const),
}
const sourceFacet: Facet = { name: 'source', label: 'Source', options: Object.entries(sources) }
const statusFacet: Facet = {
  name: 'status',
  label: 'Status',
  options: status.options.map((it) => [it, statusLooks[it].word] as const),
}
const effectFacet: Facet = {
  name: 'effect',
  label: 'In force',
  options: effect.options.map((it) => [it, it === 'none' ? 'Nothing to hold' : effectWord(it)] as const),
}
const facets: Readonly<Record<View, readonly Facet[]>> = {
  pending: [typeFacet, sourceFacet],
  history: [statusFacet, typeFacet, effectFacet, sourceFacet],
  'in-force': [typeFacet, sourceFacet],
}

export type Change = (change: Partial<Record<keyof ActionSearch, string | undefined>>) => void

/** The filters of a list. Everything chosen stands in the address, so that a link is a saved view. */
export const Filters = ({
  view,
  search,
  change,
  counts,
}: {
  view: View
  search: ActionSearch
  change: Change
  /** How many of the loaded rows have each value, by facet. */
  counts: (facet: ListName) => ReadonlyMap<string, number>
}) => (
  <>
    {facets[view].map((facet) => (
      <FacetChip
        key={facet.name}
        facet={facet}
        chosen={search[facet.name]?.split(',') ?? []}
        counts={counts}
        choose={(values) => change({ [facet.name]: values.length === 0 ? undefined : values.join(',') })}
      />
    ))}
    {(['device', 'batch', 'target', 'by', 'kind'] as const).map((name) =>
      search[name] === undefined ? null : (
        <Chip
          key={name}
          label={chipWords[name]}
          value={chipValue(name, search[name])}
          remove={() => change({ [name]: undefined })}
        />
      ),
    )}
  </>
)

const chipWords = { device: 'Device', batch: 'Together with', target: 'Target', by: 'Asked by', kind: 'Only' } as const
const chipValue = (name: keyof typeof chipWords, value: string): string =>
  name === 'kind'
    ? value === 'undo'
      ? 'undo'
      : 'new actions'
    : name === 'device' || name === 'batch'
      ? `…${value.slice(-6)}`
      : value

const Chip = ({ label, value, remove }: { label: string; value: string; remove: () => void }) => (
  <span className={classes.chip} data-chosen>
    <span className={classes.chipText} title={value}>
      {label}: {value}
    </span>
    <button type="button" onClick={remove} aria-label={`Remove the filter ${label}`}>
      <Icon name="close" size={13} />
    </button>
  </span>
)

const FacetChip = ({
  facet,
  chosen,
  choose,
  counts,
}: {
  facet: Facet
  chosen: readonly string[]
  choose: (values: readonly string[]) => void
  counts: (facet: ListName) => ReadonlyMap<string, number>
}) => {
  const [open, setOpen] = useState(false)
  const labels = chosen.map((it) => facet.options.find(([value]) => value === it)?.[1] ?? it)
  const words =
    labels.length === 0 ? facet.label : labels.length < 3 ? labels.join(', ') : `${facet.label}: ${labels.length}`
  const byValue = open ? counts(facet.name) : new Map<string, number>()
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus withinPortal>
      <Popover.Target>
        <button
          type="button"
          className={classes.chip}
          data-chosen={chosen.length > 0 || undefined}
          aria-expanded={open}
          aria-haspopup="dialog"
          onClick={() => setOpen(!open)}
        >
          <span className={classes.chipText}>{words}</span>
          <Icon name="down" size={13} />
        </button>
      </Popover.Target>
      <Popover.Dropdown className={classes.menu} aria-label={`Filter by ${facet.label}`}>
        {facet.options.map(([value, label]) => (
          <Checkbox
            key={value}
            size="xs"
            classNames={{ body: classes.option ?? '', labelWrapper: classes.optionLabel ?? '' }}
            checked={chosen.includes(value)}
            onChange={(event) =>
              choose(event.currentTarget.checked ? [...chosen, value] : chosen.filter((it) => it !== value))
            }
            label={
              <span className={classes.optionWords}>
                {label}
                <span className={classes.count}>{byValue.get(value) ?? ''}</span>
              </span>
            }
          />
        ))}
        {chosen.length === 0 ? null : (
          <Button size="compact-sm" variant="subtle" onClick={() => choose([])}>
            Show all
          </Button>
        )}
      </Popover.Dropdown>
    </Popover>
  )
}

const windowWords: Readonly<Record<Window, string>> = {
  day: 'Last day',
  week: 'Last week',
  month: 'Last 30 days',
  'six-months': 'Last 6 months',
}

export const WindowChoice = ({ value, change }: { value: Window; change: Change }) => (
  <Select
    size="xs"
    w={132}
    aria-label="How far back"
    allowDeselect={false}
    checkIconPosition="right"
    data={Object.entries(windowWords).map(([it, label]) => ({ value: it, label }))}
    value={value}
    onChange={(next) => change({ window: next ?? undefined })}
  />
)

const typingMs = 250

/** Searches while one types, once the typing pauses. */
export const SearchBox = ({
  value,
  change,
  inputRef,
}: {
  value: string
  change: Change
  inputRef: React.RefObject<HTMLInputElement | null>
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
      className={classes.search}
      size="xs"
      type="search"
      aria-label="Search target, comment or device"
      placeholder="Search target, comment or device"
      leftSection={<Icon name="search" size={15} />}
      value={text}
      maxLength={200}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        if (text === '') event.currentTarget.blur()
        else setText('')
      }}
    />
  )
}
