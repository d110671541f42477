import { ActionIcon, Button, Modal, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { send } from '../../app/api.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { toast } from '../../ui/toast.tsx'
import sheets from '../actions/deed-sheet.module.css'
import { plural } from '../actions/words.ts'
import { type Group, type Groups, type Level, type MatchPreview, operators, properties, type RuleRow } from './group.ts'
import classes from './groups.module.css'

const pauseMs = 350

/** Makes or changes a group, and shows meanwhile which devices it would take. */
export const GroupSheet = ({
  group,
  levels,
  close,
}: {
  group: Group | null
  levels: Groups['levels']
  close: () => void
}) => {
  const queries = useQueryClient()
  const [name, setName] = useState(group?.name ?? '')
  const [rule, setRule] = useState<readonly RuleRow[]>(
    group?.rule ?? [{ property: 'name', operator: 'starts-with', value: '' }],
  )
  const [level, setLevel] = useState<Level>(group?.level ?? 'semi-any')
  const again = () => queries.invalidateQueries({ queryKey: ['group'] })
  const filled = rule.filter((it) => it.value.trim() !== '').map((it) => ({ ...it, value: it.value.trim() }))
  const save = useMutation({
    mutationFn: () =>
      group === null
        ? send('POST', '/v1/groups', { name: name.trim(), rule: filled, level })
        : send('PATCH', `/v1/groups/${group.id}`, {
            ...(group.isDefault ? {} : { name: name.trim(), rule: filled }),
            level,
            revision: group.revision,
          }),
    onSuccess: async () => {
      await again()
      close()
    },
  })
  const remove = useMutation({
    mutationFn: () => send('DELETE', `/v1/groups/${group?.id ?? ''}`),
    onSuccess: async () => {
      toast({ message: 'The group is gone; its devices went to the next one that takes them.' })
      await again()
      close()
    },
  })
  const change = (at: number, next: Partial<RuleRow>) =>
    setRule(rule.map((row, index) => (index === at ? { ...row, ...next } : row)))
  return (
    <Modal
      opened
      onClose={close}
      size={620}
      title={group === null ? 'New group' : visible(group.name)}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        className={sheets.sheet}
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        {group?.isDefault === true ? (
          <p>
            The default group is always last and takes every device that no other group takes. Only its level can
            change.
          </p>
        ) : (
          <>
            <TextInput
              label="Name"
              required
              withAsterisk={false}
              maxLength={100}
              value={name}
              data-autofocus
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <fieldset className={sheets.field}>
              <legend>Devices whose</legend>
              <div className={classes.rows}>
                {rule.map((row, at) => (
                  // A row has no name of its own; its place is what it is.
                  // biome-ignore lint/suspicious/noArrayIndexKey: rows are only added at the end
                  <div key={at} className={classes.row}>
                    <Select
                      size="xs"
                      aria-label={`Property of row ${at + 1}`}
                      allowDeselect={false}
                      data={properties}
                      value={row.property}
                      onChange={(it) => change(at, { property: (it ?? 'name') as RuleRow['property'] })}
                    />
                    <Select
                      size="xs"
                      aria-label={`Comparison of row ${at + 1}`}
                      allowDeselect={false}
                      data={operators}
                      value={row.operator}
                      onChange={(it) => change(at, { operator: (it ?? 'equals') as RuleRow['operator'] })}
                    />
                    <TextInput
                      size="xs"
                      aria-label={`Value of row ${at + 1}`}
                      value={row.value}
                      maxLength={255}
                      onChange={(event) => change(at, { value: event.currentTarget.value })}
                    />
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={`Remove row ${at + 1}`}
                      disabled={rule.length === 1}
                      onClick={() => setRule(rule.filter((_, index) => index !== at))}
                    >
                      <Icon name="close" size={15} />
                    </ActionIcon>
                  </div>
                ))}
              </div>
              <Button
                size="compact-sm"
                variant="subtle"
                leftSection={<Icon name="plus" size={14} />}
                disabled={rule.length >= 40}
                onClick={() => setRule([...rule, { property: 'name', operator: 'starts-with', value: '' }])}
              >
                One more row
              </Button>
              <p className={sheets.hint}>
                Rows on the same property are alternatives; different properties must all agree.
              </p>
            </fieldset>
            <Matches rule={filled} group={group} />
          </>
        )}
        <Select
          label="How much may happen without a person"
          allowDeselect={false}
          data={Object.entries(levels).map(([value, label]) => ({ value, label }))}
          value={level}
          onChange={(it) => setLevel((it ?? 'semi-any') as Level)}
        />
        {save.error === null ? null : <Trouble error={save.error} />}
        {remove.error === null ? null : <Trouble error={remove.error} />}
        <div className={sheets.buttons}>
          {group === null || group.isDefault ? null : (
            <Button variant="subtle" color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
              Delete the group
            </Button>
          )}
          <Button
            type="submit"
            loading={save.isPending}
            disabled={group?.isDefault !== true && (name.trim() === '' || filled.length === 0)}
          >
            {group === null ? 'Make the group' : 'Save'}
          </Button>
        </div>
      </form>
    </Modal>
  )
}

/** Which devices the rule would match, asked of the server while one types. */
const Matches = ({ rule, group }: { rule: readonly RuleRow[]; group: Group | null }) => {
  const text = JSON.stringify(rule)
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), pauseMs)
    return () => window.clearTimeout(timer)
  }, [text])
  const { data, error } = useQuery({
    queryKey: ['group', 'preview', settled, group?.id ?? null],
    queryFn: () =>
      send<MatchPreview>('POST', '/v1/groups/preview', {
        rule: JSON.parse(settled) as RuleRow[],
        ...(group === null ? {} : { group: group.id }),
      }),
    enabled: settled !== '[]',
    placeholderData: (before) => before,
  })
  if (error !== null) return <Trouble error={error} />
  if (settled === '[]')
    return <p className={sheets.hint}>A rule without a value matches nothing; it never means all.</p>
  if (data === undefined) return <p className={sheets.hint}>Looking …</p>
  const others = data.matches - data.joins
  return (
    <div className={classes.preview} aria-live="polite">
      <strong>
        {plural(data.joins, 'device')} would belong to it
        {others > 0 ? `; ${others} more match, but a group above takes them` : ''}
      </strong>
      <span>
        {data.devices.map((it) => visible(it.name)).join(', ')}
        {data.matches > data.devices.length ? ', …' : ''}
      </span>
    </div>
  )
}
