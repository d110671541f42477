import { Button, MultiSelect, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Ask, Editor, Form } from '../../ui/form.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import { rolesQuery } from '../settings/queries.ts'
import { type Group, type Groups, type Level, levelMeans, levelsAlike, type RuleRow } from './group.ts'
import classes from './groups.module.css'
import { Matches } from './matches.tsx'
import { firstRule, RuleRows } from './rule-rows.tsx'

interface Wish {
  readonly name: string
  readonly rule: readonly RuleRow[]
  readonly level: Level
  readonly visibleTo: readonly string[]
  readonly revision: number
}

const blank: Wish = { name: '', rule: firstRule, level: 'semi-any', visibleTo: [], revision: 0 }

const wishOf = ({ name, rule, level, visibleTo, revision }: Group): Wish => ({
  name,
  rule,
  level,
  visibleTo: visibleTo ?? [],
  revision,
})

const filled = (rule: readonly RuleRow[]): RuleRow[] =>
  rule.map((it) => ({ ...it, value: it.value.trim() })).filter((it) => it.value !== '')

/** Makes or changes a group, and shows meanwhile which devices it would take. */
export const GroupSheet = ({
  group,
  levels,
  locked,
  close,
}: {
  group: Group | null
  levels: Groups['levels']
  locked: string | null
  close: () => void
}) => {
  const may = useMay()
  const queries = useQueryClient()
  const roles = useQuery({ ...rolesQuery, enabled: may('people-manage') }).data?.roles ?? []
  const [leaving, setLeaving] = useState(false)
  const again = () => queries.invalidateQueries({ queryKey: ['group'] })
  const form = useForm({
    kept: group === null ? blank : wishOf(group),
    locked,
    save: ({ name, rule, level, visibleTo }, before) => {
      const seen = visibleTo.length === 0 ? null : visibleTo
      const whole = { name: name.trim(), rule: filled(rule), level, visibleTo: seen }
      if (group === null) return send('POST', '/v1/groups', whole)
      const body = group.isDefault ? { level, visibleTo: seen } : whole
      return send('PATCH', `/v1/groups/${group.id}`, { ...body, revision: before.revision })
    },
    done: () => {
      void again()
      close()
    },
    again,
    places: { name_taken: 'name' },
  })
  const remove = useMutation({
    mutationFn: () => send('DELETE', `/v1/groups/${group?.id ?? ''}`),
    onSuccess: () => {
      toast({ message: 'The group is gone; its devices went to the next one that takes them.' })
      void again()
      close()
    },
  })
  const { values } = form
  const shownRoles = [...new Set([...roles.map((it) => it.name), ...values.visibleTo])]
  return (
    <Editor title={group === null ? 'New group' : visible(group.name)} unsaved={form.changed} close={close}>
      <Form form={form} save={group === null ? 'Make the group' : 'Save'} fresh={group === null}>
        {group?.isDefault === true ? (
          <p className={classes.lead}>
            The default group is always last and takes every device that no other group takes. It has no rule.
          </p>
        ) : (
          <>
            <TextInput {...form.text('name')} label="Name" autoComplete="off" data-autofocus />
            <RuleRows
              rule={values.rule}
              change={(rule) => form.put('rule', rule)}
              disabled={locked !== null}
              fault={form.faultOf('rule')}
            />
            {locked === null ? <Matches rule={filled(values.rule)} group={group?.id ?? null} /> : null}
          </>
        )}
        <Select
          {...form.choice('level', { hint: levelMeans[values.level] })}
          label="How much may happen without a person"
          data={Object.entries(levels).map(([value, label]) => ({ value, label }))}
        />
        {values.level === 'none' ? null : <p className={classes.hint}>{levelsAlike}</p>}
        {shownRoles.length === 0 ? null : (
          <MultiSelect
            {...form.many('visibleTo', { hint: 'None chosen: every role. Administrators see every group.' })}
            label="Roles that see its devices"
            data={shownRoles}
          />
        )}
      </Form>
      {group === null || group.isDefault || locked !== null ? null : (
        <div className={classes.remove}>
          <Button size="xs" variant="subtle" color="red" onClick={() => setLeaving(true)}>
            Delete the group
          </Button>
        </div>
      )}
      {leaving ? (
        <Ask
          title={`Delete ${visible(group?.name ?? '')}?`}
          words="Its devices go to the next group that takes them, with the level of that one. Its exclusions end."
          yes="Delete the group"
          busy={remove.isPending}
          error={remove.error}
          go={() => remove.mutate()}
          stay={() => setLeaving(false)}
        />
      ) : null}
    </Editor>
  )
}
