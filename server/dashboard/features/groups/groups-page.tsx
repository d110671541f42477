import { ActionIcon, Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type DragEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { send } from '../../app/api.ts'
import { Locked } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { PageHead } from '../../ui/page-head.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { toast } from '../../ui/toast.tsx'
import { LoadingRows } from '../actions/loading-rows.tsx'
import { plural } from '../actions/words.ts'
import { useLock } from '../settings/part.tsx'
import { type Group, type Groups, groupsQuery, levelMeans, ruleWords } from './group.ts'
import { GroupSheet } from './group-sheet.tsx'
import classes from './groups.module.css'

const none: readonly Group[] = []

/** The ranked groups with one of them just above another, or last. */
const moved = (groups: readonly Group[], id: string, before: string | null): readonly Group[] => {
  const one = groups.find((it) => it.id === id)
  if (one === undefined) return groups
  const ranked = groups.filter((it) => !it.isDefault && it.id !== id)
  const at = ranked.findIndex((it) => it.id === before)
  const order = ranked.toSpliced(at < 0 ? ranked.length : at, 0, one)
  return [...order.map((it, index) => ({ ...it, rank: index + 1 })), ...groups.filter((it) => it.isDefault)]
}

/** Device groups in the order in which they are looked at. A device belongs to the first whose rule it meets. */
export const GroupsPage = () => {
  const locked = useLock('security-settings')
  const queries = useQueryClient()
  const { data, error, refetch } = useQuery(groupsQuery)
  const [edited, setEdited] = useState<string | null>(null)
  const [dragged, setDragged] = useState<string | null>(null)
  const [over, setOver] = useState<string | null>(null)
  const [said, setSaid] = useState('')
  const move = useMutation({
    mutationFn: ({ id, before }: { id: string; before: string | null }) =>
      send('POST', `/v1/groups/${id}/move`, { before }),
    // It stands in its new place at once, so that the next press of a key finds it there.
    onMutate: async ({ id, before }) => {
      await queries.cancelQueries({ queryKey: groupsQuery.queryKey })
      queries.setQueryData<Groups>(
        groupsQuery.queryKey,
        (old) => old && { ...old, groups: moved(old.groups, id, before) },
      )
      const groups = queries.getQueryData<Groups>(groupsQuery.queryKey)?.groups ?? []
      const one = groups.find((it) => it.id === id)
      setSaid(`${one?.name ?? ''} is number ${one?.rank ?? ''} of ${groups.length - 1} now`)
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['group'] }),
    onError: (failure) => toast({ error: failure }),
  })
  const groups = data?.groups ?? none
  const ranked = groups.filter((it) => !it.isDefault)
  // An element that is moved in its list loses the keyboard; it gets it back.
  const held = useRef<string | null>(null)
  useEffect(() => {
    if (held.current !== null) document.querySelector<HTMLElement>(`[data-rank-of="${held.current}"]`)?.focus()
    held.current = null
  }, [groups])
  const step = (group: Group, by: -1 | 1) => {
    const at = ranked.findIndex((it) => it.id === group.id)
    if (at + by < 0 || at + by >= ranked.length) return
    const before = by === -1 ? ranked[at - 1]?.id : ranked[at + 2]?.id
    move.mutate({ id: group.id, before: before ?? null })
  }
  const onKey = (event: KeyboardEvent, group: Group) => {
    const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
    if (by === 0) return
    event.preventDefault()
    held.current = group.id
    step(group, by)
  }
  const drop = (event: DragEvent, group: Group) => {
    event.preventDefault()
    if (dragged !== null && dragged !== group.id)
      move.mutate({ id: dragged, before: group.isDefault ? null : group.id })
    setDragged(null)
    setOver(null)
  }
  return (
    <div className={classes.page}>
      <PageHead
        title="Device groups"
        about="A device belongs to the first group whose rule it meets; the default group takes the rest. The group says how much may happen without a person."
      >
        {locked === null ? (
          <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setEdited('new')}>
            New group
          </Button>
        ) : null}
      </PageHead>
      <p className={classes.said} role="status">
        {said}
      </p>
      <div className={classes.body}>
        {locked === null ? null : <Locked why={locked} />}
        {error === null ? null : <Trouble error={error} retry={() => void refetch()} />}
      </div>
      {data === undefined ? (
        error === null ? (
          <LoadingRows />
        ) : null
      ) : (
        <ol className={classes.body} aria-label="Groups by rank">
          {groups.map((group) => (
            <li
              key={group.id}
              className={classes.group}
              data-over={(over === group.id && dragged !== null && dragged !== group.id) || undefined}
              data-dragged={dragged === group.id || undefined}
              draggable={locked === null && !group.isDefault}
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
              onDrop={(event) => drop(event, group)}
              onDragEnd={() => {
                setDragged(null)
                setOver(null)
              }}
            >
              <Rank group={group} locked={locked !== null} onKey={onKey} />
              <div className={classes.words}>
                <button type="button" className={classes.name} onClick={() => setEdited(group.id)}>
                  {visible(group.name)}
                </button>
                <span>
                  {group.isDefault ? 'every device that no other group takes' : visible(ruleWords(group.rule))}
                </span>
                <span>
                  <b>{data.levels[group.level]}</b>
                  <span className={classes.means}>{levelMeans[group.level]}</span>
                </span>
              </div>
              <span className={classes.count}>{plural(group.devices, 'device')}</span>
              {locked !== null || group.isDefault ? (
                <span />
              ) : (
                <span className={classes.moves}>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Rank ${visible(group.name)} higher`}
                    disabled={group.rank === 1}
                    onClick={() => step(group, -1)}
                  >
                    <Icon name="up" size={16} />
                  </ActionIcon>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Rank ${visible(group.name)} lower`}
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
        <GroupSheet
          group={edited === 'new' ? null : (groups.find((it) => it.id === edited) ?? null)}
          levels={data.levels}
          locked={locked}
          close={() => setEdited(null)}
        />
      )}
    </div>
  )
}

/** The number of a group; with the keyboard on it, arrows move the group. */
const Rank = ({
  group,
  locked,
  onKey,
}: {
  group: Group
  locked: boolean
  onKey: (event: KeyboardEvent, group: Group) => void
}) =>
  group.isDefault || locked ? (
    <span className={classes.rank}>{group.rank ?? '–'}</span>
  ) : (
    <button
      type="button"
      className={classes.rank}
      title="Drag, or press the arrow keys, to rank it higher or lower"
      aria-label={`Rank of ${visible(group.name)}: ${group.rank}. Arrow keys move it.`}
      data-rank-of={group.id}
      onKeyDown={(event) => onKey(event, group)}
    >
      {group.rank}
    </button>
  )
