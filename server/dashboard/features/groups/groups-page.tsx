import { ActionIcon, Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type KeyboardEvent, useState } from 'react'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { toast } from '../../ui/toast.tsx'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { plural } from '../actions/words.ts'
import { type Group, groupsQuery, ruleWords } from './group.ts'
import { GroupSheet } from './group-sheet.tsx'
import classes from './groups.module.css'

/** Device groups in the order in which they are looked at. A device belongs to the first whose rule it meets. */
export const GroupsPage = () => {
  const may = useMay()
  const queries = useQueryClient()
  const { data, error, refetch } = useQuery(groupsQuery)
  const [edited, setEdited] = useState<Group | 'new' | null>(null)
  const [dragged, setDragged] = useState<string | null>(null)
  const [over, setOver] = useState<string | null>(null)
  const locked = !may('security-settings')
  const move = useMutation({
    mutationFn: ({ id, before }: { id: string; before: string | null }) =>
      send('POST', `/v1/groups/${id}/move`, { before }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['group'] }),
    onError: (failure) => toast({ error: failure }),
  })
  const ranked = data?.groups.filter((it) => !it.isDefault) ?? []
  const step = (group: Group, by: -1 | 1) => {
    const at = ranked.findIndex((it) => it.id === group.id)
    if (at + by < 0 || at + by >= ranked.length) return
    const before = by === -1 ? ranked[at - 1]?.id : ranked[at + 2]?.id
    move.mutate({ id: group.id, before: before ?? null })
  }
  const onKey = (event: KeyboardEvent, group: Group) => {
    const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
    if (by === 0 || !event.altKey || locked) return
    event.preventDefault()
    step(group, by)
  }
  return (
    <div className={classes.page}>
      <PageHead
        title="Device groups"
        about="A device belongs to the first group whose rule it meets; the default group takes the rest. The group says how much may happen without a person."
      >
        {locked ? null : (
          <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setEdited('new')}>
            New group
          </Button>
        )}
      </PageHead>
      {error === null ? null : (
        <div className={classes.body}>
          <Trouble error={error} retry={() => void refetch()} />
        </div>
      )}
      {data === undefined ? (
        error === null ? (
          <LoadingRows />
        ) : null
      ) : (
        <ol className={classes.body} aria-label="Groups by rank">
          {data.groups.map((group) => (
            <li
              key={group.id}
              className={classes.group}
              data-over={(over === group.id && dragged !== null && dragged !== group.id) || undefined}
              draggable={!locked && !group.isDefault}
              onDragStart={(event) => {
                event.dataTransfer.effectAllowed = 'move'
                event.dataTransfer.setData('text/plain', group.id)
                setDragged(group.id)
              }}
              onDragOver={(event) => {
                if (dragged === null) return
                event.preventDefault()
                setOver(group.id)
              }}
              onDrop={(event) => {
                event.preventDefault()
                if (dragged !== null && dragged !== group.id)
                  move.mutate({ id: dragged, before: group.isDefault ? null : group.id })
              }}
              onDragEnd={() => {
                setDragged(null)
                setOver(null)
              }}
            >
              <span className={classes.rank}>{group.rank ?? '–'}</span>
              <div className={classes.words}>
                {locked ? (
                  <strong>{visible(group.name)}</strong>
                ) : (
                  <button
                    type="button"
                    className={classes.name}
                    onClick={() => setEdited(group)}
                    onKeyDown={(event) => onKey(event, group)}
                  >
                    {visible(group.name)}
                  </button>
                )}
                <span>
                  {group.isDefault ? 'every device that no other group takes' : visible(ruleWords(group.rule))}
                </span>
                <span>{data.levels[group.level]}</span>
              </div>
              <span className={classes.count}>{plural(group.devices, 'device')}</span>
              {locked || group.isDefault ? (
                <span />
              ) : (
                <span className={classes.moves}>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Rank ${group.name} higher`}
                    disabled={group.rank === 1}
                    onClick={() => step(group, -1)}
                  >
                    <Icon name="up" size={16} />
                  </ActionIcon>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Rank ${group.name} lower`}
                    disabled={group.rank === ranked.length}
                    onClick={() => step(group, 1)}
                  >
                    <Icon name="down" size={16} />
                  </ActionIcon>
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
      {edited === null || data === undefined ? null : (
        <GroupSheet group={edited === 'new' ? null : edited} levels={data.levels} close={() => setEdited(null)} />
      )}
    </div>
  )
}
