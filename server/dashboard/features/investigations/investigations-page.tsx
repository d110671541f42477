import { useNavigate } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { Chips, CompactRow, ListPage, usePages } from '../../ui/list-page.tsx'
import { NameText, visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import type { Column } from '../../ui/table-layout.ts'
import { span, When } from '../../ui/time.tsx'
import { plural } from '../actions/words.ts'
import type { Investigation } from './investigation.ts'
import { StateMark } from './looks.tsx'

const waits = (it: Investigation): string =>
  it.waitsFor === 'people' ? 'for somebody to decide' : it.waitsFor === 'device' ? 'for the device' : ''

const columns: readonly Column<Investigation>[] = [
  {
    id: 'title',
    head: 'Investigation',
    width: 260,
    cell: (it) => <strong title={visible(it.title)}>{visible(it.title)}</strong>,
  },
  { id: 'device', head: 'Device', width: 148, cell: (it) => <NameText text={it.device.name} /> },
  { id: 'state', head: 'State', width: 170, cell: (it) => <StateMark state={it.state} /> },
  { id: 'evidence', head: 'Evidence', width: 150, cell: (it) => evidenceWords(it) },
  { id: 'waits', head: 'Waits', width: 160, cell: waits },
  { id: 'opened', head: 'Opened', width: 104, cell: (it) => <When at={it.openedAt} /> },
  { id: 'worked', head: 'Own time', width: 96, cell: (it) => span(it.workedMs) },
  {
    id: 'waited',
    head: 'Waited',
    width: 110,
    hidden: true,
    cell: (it) => span(it.waitedMs.people + it.waitedMs.device),
  },
]

const evidenceWords = ({ counts }: Investigation): string =>
  [
    counts.malicious > 0 ? `${counts.malicious} malicious` : '',
    counts.suspicious > 0 ? `${counts.suspicious} suspicious` : '',
    counts.malicious + counts.suspicious === 0 ? plural(counts.total, 'thing') : '',
  ]
    .filter((it) => it !== '')
    .join(', ')

const idOf = (it: Investigation): string => it.id
const nameOf = (it: Investigation): string => visible(it.title)
const stages = { open: 'Open', ended: 'Ended' } as const

export const InvestigationsPage = () => {
  const navigate = useNavigate()
  const [stage, setStage] = useState<keyof typeof stages | null>(null)
  const list = usePages<Investigation>('investigation', '/v1/investigations', {
    open: stage === null ? null : stage === 'open',
  })
  const show = useCallback(
    (it: Investigation) => void navigate({ to: '/investigations/$id', params: { id: it.id } }),
    [navigate],
  )
  return (
    <ListPage
      name="investigations"
      title="Investigations"
      about="What an alert opened: its evidence, what was thought of it, and what was proposed."
      list={list}
      columns={columns}
      idOf={idOf}
      nameOf={nameOf}
      open={show}
      compact={(it) => (
        <CompactRow
          title={visible(it.title)}
          time={<When at={it.openedAt} />}
          middle={evidenceWords(it)}
          foot={<StateMark state={it.state} />}
          end={<NameText text={it.device.name} />}
        />
      )}
      filters={<Chips label="Stage" choices={stages} value={stage} change={setStage} />}
      empty={
        stage === null ? (
          <EmptyState icon="search" title="Nothing is investigated">
            An alert about a device opens an investigation here. It ends when each proposed action was taken, approved
            or rejected.
          </EmptyState>
        ) : (
          <EmptyState icon="search" title={stage === 'open' ? 'No investigation is open' : 'None has ended yet'}>
            Press the filter once more to see all of them.
          </EmptyState>
        )
      }
    />
  )
}
