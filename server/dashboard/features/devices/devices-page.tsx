import { Button, Menu, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo, useRef, useState } from 'react'
import { type ActionName, specOf } from '../../../../protocol/actions/index.ts'
import { useShortcuts } from '../../app/keyboard.ts'
import { useMay } from '../../app/session.ts'
import { ColumnChoice } from '../../ui/column-choice.tsx'
import { DataTable, type Reach } from '../../ui/data-table.tsx'
import { Icon } from '../../ui/icon.tsx'
import { useNarrow } from '../../ui/narrow.ts'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState, Trouble } from '../../ui/screens.tsx'
import { useSorted, useTableLayout } from '../../ui/table-layout.ts'
import bars from '../actions/actions.module.css'
import chips from '../actions/filters.module.css'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { plural } from '../actions/words.ts'
import { askedOnDevices, isolationOf } from './capability.ts'
import { compactDevice, deviceColumns } from './device-columns.tsx'
import { type Device, devicesQuery } from './queries.ts'
import { RespondSheet } from './respond-sheet.tsx'

const idOf = (device: Device): string => device.id
const nameOf = (device: Device): string => visible(device.name)

const facets = {
  connected: ['Connected', (it: Device) => it.connected],
  absent: ['Absent', (it: Device) => !it.connected && it.status === 'active'],
  isolated: ['Isolated', (it: Device) => isolationOf(it) !== undefined],
  linux: ['Linux', (it: Device) => it.platform === 'linux'],
  windows: ['Windows', (it: Device) => it.platform === 'windows'],
} as const
type Facet = keyof typeof facets
const facetNames = Object.keys(facets) as Facet[]

export const DevicesPage = () => {
  const { q = '', show = '' } = useSearch({ from: '/inside/devices' })
  const navigate = useNavigate({ from: '/devices' })
  const may = useMay()
  const narrow = useNarrow()
  const { data, error, isPending, refetch } = useQuery(devicesQuery)
  const chosen = useMemo(() => facetNames.filter((it) => show.split(',').includes(it)), [show])
  const [active, setActive] = useState<string | null>(null)
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const [respond, setRespond] = useState<ActionName | null>(null)
  const box = useRef<HTMLInputElement>(null)
  const layout = useTableLayout('devices', deviceColumns, true)
  const all = data ?? []
  const found = useMemo(() => {
    const wanted = q.trim().toLowerCase()
    return (data ?? []).filter(
      (it) =>
        chosen.every((facet) => facets[facet][1](it)) &&
        (wanted === '' ||
          [it.name, it.group, it.facts.hostName, it.facts.osName, ...it.tags, ...it.facts.addresses].some((text) =>
            text.toLowerCase().includes(wanted),
          )),
    )
  }, [data, q, chosen])
  const rows = useSorted(found, deviceColumns, layout.sort, idOf)
  const choose = (next: readonly Facet[]) =>
    void navigate({
      search: ({ show: _, ...rest }) => (next.length === 0 ? rest : { ...rest, show: next.join(',') }),
      replace: true,
    })
  const open = useCallback(
    (device: Device) => void navigate({ to: '/devices/$id', params: { id: device.id } }),
    [navigate],
  )
  const toggle = useCallback(
    (device: Device, reach: Reach) => {
      const at = rows.findIndex((it) => it.id === device.id)
      const from = rows.findIndex((it) => it.id === active)
      setIds((before) => {
        const after = new Set(before)
        if (reach === 'range' && from >= 0)
          for (const it of rows.slice(Math.min(from, at), Math.max(from, at) + 1)) after.add(it.id)
        else if (!after.delete(device.id)) after.add(device.id)
        return after
      })
      setActive(device.id)
    },
    [rows, active],
  )
  const selection = {
    ids,
    toggle,
    toggleAll: () => setIds(ids.size >= rows.length ? new Set() : new Set(rows.map(idOf))),
  }
  const step = (by: number) => {
    const at = rows.findIndex((it) => it.id === active)
    const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))]
    if (row !== undefined) setActive(row.id)
  }
  const current = () => rows.find((it) => it.id === active)
  const group = 'Devices'
  useShortcuts([
    { keys: 'j', label: 'Next device', group, run: () => step(1) },
    { keys: 'k', label: 'Previous device', group, run: () => step(-1) },
    {
      keys: 'Enter',
      label: 'Open the device',
      group,
      run: () => void (current() !== undefined && open(current() as Device)),
    },
    {
      keys: 'x',
      label: 'Select the device',
      group,
      run: () => void (current() !== undefined && toggle(current() as Device, 'one')),
    },
    { keys: '/', label: 'Search', group, run: () => box.current?.focus() },
    { keys: 'Escape', label: 'Select nothing', group, run: () => setIds(new Set()) },
  ])
  const picked = all.filter((it) => ids.has(it.id))
  const connected = all.filter((it) => it.connected).length
  return (
    <div className={bars.page}>
      <PageHead
        keepAbout
        title="Devices"
        about={
          data === undefined
            ? 'Machines with an agent.'
            : `${plural(all.length, 'device')}, ${connected} connected now.`
        }
      >
        {may('devices-manage') ? (
          <Button component={Link} to="/settings/enrolment" size="xs" leftSection={<Icon name="plus" size={15} />}>
            Enrol a device
          </Button>
        ) : null}
        {narrow ? null : <ColumnChoice layout={layout} />}
      </PageHead>
      <div className={bars.bar}>
        <TextInput
          ref={box}
          className={chips.search}
          size="xs"
          type="search"
          aria-label="Search name, group, tag, address"
          placeholder="Name, group, tag, address"
          leftSection={<Icon name="search" size={15} />}
          value={q}
          onChange={(event) => {
            const text = event.currentTarget.value
            void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true })
          }}
        />
        {facetNames.map((facet) => {
          const [label, holds] = facets[facet]
          const on = chosen.includes(facet)
          return (
            <button
              key={facet}
              type="button"
              className={chips.chip}
              data-chosen={on || undefined}
              aria-pressed={on}
              onClick={() => choose(on ? chosen.filter((it) => it !== facet) : [...chosen, facet])}
            >
              {label}
              <span className={chips.count}>{all.filter(holds).length}</span>
            </button>
          )
        })}
      </div>
      <div className={bars.table}>
        {isPending ? (
          <LoadingRows />
        ) : error !== null && data === undefined ? (
          <div className={bars.bar}>
            <Trouble error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <DataTable
            label="Devices"
            rows={rows}
            idOf={idOf}
            nameOf={nameOf}
            layout={layout}
            compact={compactDevice}
            narrow={narrow}
            active={active}
            onActive={setActive}
            onOpen={open}
            selection={selection}
            dimmed={(it) => it.status !== 'active'}
            empty={<NoDevices none={all.length === 0} mayEnrol={may('devices-manage')} />}
          />
        )}
      </div>
      {picked.length === 0 ? null : (
        <section className={bars.selection} aria-label="Selection">
          <strong>{plural(picked.length, 'device')} selected</strong>
          <div className={bars.push}>
            <RespondMenu choose={setRespond} />
            <Button size="xs" variant="subtle" onClick={() => setIds(new Set())}>
              Select nothing
            </Button>
          </div>
        </section>
      )}
      {respond === null ? null : <RespondSheet name={respond} devices={picked} close={() => setRespond(null)} />}
    </div>
  )
}

/** Every action this person may ask for. */
export const RespondMenu = ({ choose }: { choose: (name: ActionName) => void }) => {
  const may = useMay()
  const names = askedOnDevices.filter((name) => may(`respond:${name}`))
  if (names.length === 0) return null
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button size="xs" leftSection={<Icon name="bolt" size={15} />} rightSection={<Icon name="down" size={13} />}>
          Respond
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {names.map((name) => (
          <Menu.Item key={name} onClick={() => choose(name)}>
            {specOf(name).title}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

const NoDevices = ({ none, mayEnrol }: { none: boolean; mayEnrol: boolean }) =>
  none ? (
    <EmptyState
      icon="devices"
      title="No device is enrolled yet"
      action={
        mayEnrol ? (
          <Button component={Link} to="/settings/enrolment">
            Make an enrolment token
          </Button>
        ) : undefined
      }
    >
      A device joins with a one-time token and a single command. It makes its own key; nothing is trusted that was not
      enrolled.
    </EmptyState>
  ) : (
    <EmptyState icon="filter" title="No device fits">
      Take a filter away, or search for something else.
    </EmptyState>
  )
