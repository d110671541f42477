import { Button, Checkbox, NativeSelect, Popover, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { actionNames, specOf } from '../../../../protocol/actions/index.ts'
import { effect, status } from '../../../../protocol/status.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { sources, type View } from './action.ts'
import classes from './filters.module.css'
import type { Counts } from './queries.ts'
import type { ActionSearch, Window } from './search.ts'
import { effectWord, statusLooks } from './status.tsx'
import { stretch } from './stretch.ts'
import { countWords } from './words.ts'

type ListName = 'status' | 'effect' | 'type' | 'source' | 'group'

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

/** The device groups that occur in the list; which there are, only the server knows. */
const groupFacet = (counts: Counts | undefined, chosen: string | undefined): Facet => {
  const known = counts?.group.map(({ value, name }) => [value, visible(name ?? '')] as const) ?? []
  const others = (chosen?.split(',') ?? []).filter((id) => !known.some(([value]) => value === id))
  return { name: 'group', label: 'Group', options: [...known, ...others.map((id) => [id, 'Another group'] as const)] }
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
  /** How many there would be with each value; undefined until the server has counted. */
  counts: Counts | undefined
}) => (
  <>
    {[...facets[view], groupFacet(counts, search.group)].map((facet) => (
      <FacetChip
        key={facet.name}
        facet={facet}
        chosen={search[facet.name]?.split(',') ?? []}
        counts={counts?.[facet.name === 'type' ? 'action' : facet.name]}
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
    {(
      [
        ['Asked', 'from', 'to'],
        ['Decided', 'decidedFrom', 'decidedTo'],
      ] as const
    ).map(([label, from, to]) =>
      search[from] === undefined && search[to] === undefined ? null : (
        <Chip
          key={label}
          label={label}
          value={stretch(search[from], search[to])}
          remove={() => change({ [from]: undefined, [to]: undefined })}
        />
      ),
    )}
    {view === 'in-force' ? null : (
      <button
        type="button"
        className={classes.chip}
        aria-pressed={search.order === 'oldest'}
        data-chosen={search.order === 'oldest' || undefined}
        onClick={() => change({ order: search.order === 'oldest' ? undefined : 'oldest' })}
      >
        Oldest first
      </button>
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
  counts: Counts['status'] | undefined
}) => {
  const [open, setOpen] = useState(false)
  const labels = chosen.map((it) => facet.options.find(([value]) => value === it)?.[1] ?? it)
  const words =
    labels.length === 0 ? facet.label : labels.length < 3 ? labels.join(', ') : `${facet.label}: ${labels.length}`
  const byValue = new Map(counts?.map((it) => [it.value, countWords(it)]))
  const [only] = chosen.length === 1 ? chosen : []
  if (facet.options.length === 0) return null
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
          {only === undefined || counts === undefined ? null : (
            <span className={classes.count}>{byValue.get(only) ?? 0}</span>
          )}
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
                <span className={classes.count}>{byValue.get(value) ?? (counts === undefined ? '' : 0)}</span>
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
  <NativeSelect
    size="xs"
    w={132}
    aria-label="How far back"
    data={Object.entries(windowWords).map(([it, label]) => ({ value: it, label }))}
    value={value}
    onChange={(event) => change({ window: event.currentTarget.value })}
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
      placeholder="Target, comment or device"
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
