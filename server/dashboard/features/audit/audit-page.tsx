import { Button, Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useMay, useMe } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { CompactRow, ListPage, usePages } from '../../ui/list-page.tsx'
import { NameText, visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { When } from '../../ui/time.tsx'
import { devicesQuery } from '../devices/queries.ts'
import { peopleQuery } from '../settings/queries.ts'
import { ChainCheck } from './chain-check.tsx'
import { EntryDrawer } from './entry-drawer.tsx'
import { deedOf, type Entry, kinds, nameOfActor } from './entry-words.ts'

const idOf = (entry: Entry): string => String(entry.sequence)
const nameOf = (entry: Entry): string => `entry ${entry.sequence}`

export const AuditPage = () => {
  const me = useMe()
  const may = useMay()
  const [kind, setKind] = useState<string | null>(null)
  const [open, setOpen] = useState<Entry | null>(null)
  const people = useQuery({ ...peopleQuery, enabled: may('people-manage') }).data
  const devices = useQuery(devicesQuery).data
  const names = useMemo(
    () => new Map([...(people ?? []), ...(devices ?? [])].map((it) => [it.id, it.name])),
    [people, devices],
  )
  const list = usePages<Entry>('audit', '/v1/audit', { kind })
  const columns = useMemo(
    (): readonly Column<Entry>[] => [
      { id: 'sequence', head: 'Entry', width: 80, cell: (it) => it.sequence },
      { id: 'at', head: 'When', width: 110, cell: (it) => <When at={it.at} /> },
      { id: 'actor', head: 'Who', width: 150, cell: (it) => <NameText text={nameOfActor(it.actor, names, me)} /> },
      { id: 'what', head: 'What', width: 420, cell: (it) => deedOf(it) },
      { id: 'kind', head: 'Kind', width: 190, hidden: true, cell: (it) => <code>{it.kind}</code> },
      { id: 'hash', head: 'Hash', width: 150, hidden: true, cell: (it) => <code>{it.hash.slice(0, 16)}…</code> },
    ],
    [names, me],
  )
  return (
    <>
      <ListPage
        name="audit"
        title="Audit"
        about="Everything that was decided, sent, answered and changed, each entry bound to the one before it by its hash."
        list={list}
        columns={columns}
        idOf={idOf}
        nameOf={nameOf}
        open={setOpen}
        compact={(it) => (
          <CompactRow
            title={visible(nameOfActor(it.actor, names, me))}
            time={<When at={it.at} />}
            middle={deedOf(it)}
            foot={`Entry ${it.sequence}`}
          />
        )}
        head={
          <>
            <Button
              component="a"
              href="/v1/audit/export?format=jsonl"
              download
              size="xs"
              variant="default"
              leftSection={<Icon name="download" size={15} />}
            >
              Export
            </Button>
            <Button component="a" href="/v1/audit/export?format=csv" download size="xs" variant="default">
              CSV
            </Button>
          </>
        }
        above={<ChainCheck />}
        filters={
          <>
            <Select
              size="xs"
              w={240}
              aria-label="Kind of entry"
              placeholder="Every kind of entry"
              data={kinds}
              value={kind}
              onChange={setKind}
              clearable
              searchable
            />
            <Button size="compact-sm" variant="subtle" onClick={() => void list.refetch()} loading={list.isRefetching}>
              Look again
            </Button>
          </>
        }
        empty={
          <EmptyState icon="audit" title="No entry of this kind">
            Choose another kind, or all of them.
          </EmptyState>
        }
      />
      {open === null ? null : (
        <EntryDrawer entry={open} who={visible(nameOfActor(open.actor, names, me))} close={() => setOpen(null)} />
      )}
    </>
  )
}
