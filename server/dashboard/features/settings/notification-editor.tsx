import { MultiSelect, NumberInput, SegmentedControl, Switch, TagsInput, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { actionNames, specOf } from '../../../../protocol/actions/index.ts'
import { send } from '../../app/api.ts'
import { Editor, Form } from '../../ui/form.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import { sources } from '../actions/action.ts'
import { statusLooks } from '../actions/status.tsx'
import type { Group } from '../groups/group.ts'
import { toldStatuses } from './notification-words.ts'
import classes from './part.module.css'
import type { NotificationRule } from './queries.ts'

interface Wish {
  readonly name: string
  readonly enabled: boolean
  readonly via: string
  readonly url: string
  readonly to: readonly string[]
  readonly digestMinutes: number | null
  readonly groups: readonly string[]
  readonly actions: readonly string[]
  readonly kinds: string
  readonly sources: readonly string[]
  readonly statuses: readonly string[]
  readonly revision: number
}

const blank: Wish = {
  name: '',
  enabled: true,
  via: 'webhook',
  url: '',
  to: [],
  digestMinutes: 5,
  groups: [],
  actions: [],
  kinds: 'both',
  sources: [],
  statuses: ['pending-approval', 'failed', 'conflict'],
  revision: 0,
}

const wishOf = ({ name, enabled, filter, channel, revision }: NotificationRule): Wish => ({
  ...blank,
  name,
  enabled,
  via: channel.kind,
  ...(channel.kind === 'webhook' ? { url: channel.url } : { to: channel.to, digestMinutes: channel.digestMinutes }),
  groups: filter.groups ?? [],
  actions: filter.actions ?? [],
  kinds: filter.kinds?.length === 1 ? (filter.kinds[0] ?? 'both') : 'both',
  sources: filter.sources ?? [],
  statuses: filter.statuses,
  revision,
})

const filterOf = (it: Wish) => ({
  ...(it.groups.length === 0 ? {} : { groups: it.groups }),
  ...(it.actions.length === 0 ? {} : { actions: it.actions }),
  ...(it.kinds === 'both' ? {} : { kinds: [it.kinds] }),
  ...(it.sources.length === 0 ? {} : { sources: it.sources }),
  statuses: it.statuses,
})

const places = {
  'channel/url': 'url',
  'channel/to': 'to',
  'channel/digestMinutes': 'digestMinutes',
  'filter/groups': 'groups',
  'filter/actions': 'actions',
  'filter/sources': 'sources',
  'filter/statuses': 'statuses',
  not_found: 'groups',
} as const

/** Makes a rule or changes one; where it goes is settled when it is made. */
export const NotificationEditor = ({
  rule,
  groups,
  close,
  shown,
}: {
  rule: NotificationRule | null
  groups: readonly Group[]
  close: () => void
  shown: (secret: string | null) => void
}) => {
  const queries = useQueryClient()
  const again = () => queries.invalidateQueries({ queryKey: ['notifications'] })
  const form = useForm({
    kept: rule === null ? blank : wishOf(rule),
    save: async (it, { revision }): Promise<{ secret?: string | null }> => {
      const body = { name: it.name, enabled: it.enabled, filter: filterOf(it) }
      if (rule !== null) return send('PATCH', `/v1/notifications/${rule.id}`, { ...body, revision })
      const channel =
        it.via === 'webhook'
          ? { kind: 'webhook', url: it.url }
          : { kind: 'mail', to: it.to, digestMinutes: it.digestMinutes }
      return send('POST', '/v1/notifications', { ...body, channel })
    },
    done: ({ secret }) => {
      toast({ message: rule === null ? 'The rule holds from now on. Test it once.' : 'The rule is changed.' })
      if (secret !== undefined && secret !== null) shown(secret)
      void again()
      close()
    },
    again,
    places,
  })
  const { via } = form.values
  return (
    <Editor
      title={rule === null ? 'New notification rule' : `Rule ${visible(rule.name)}`}
      unsaved={form.changed}
      close={close}
    >
      <Form form={form} save={rule === null ? 'Make the rule' : 'Save'} fresh={rule === null}>
        <TextInput {...form.text('name')} label="Name" autoComplete="off" data-autofocus />
        {rule === null ? (
          <SegmentedControl
            size="xs"
            aria-label="How they are told"
            data={[
              { value: 'webhook', label: 'Webhook' },
              { value: 'mail', label: 'E-mail' },
            ]}
            value={via}
            onChange={(it) => form.put('via', it)}
          />
        ) : (
          <p className={classes.about}>
            Told by {via === 'webhook' ? 'webhook' : 'e-mail'} to{' '}
            <strong>{visible(via === 'webhook' ? form.values.url : form.values.to.join(', '))}</strong>. To tell
            somebody else, make a rule of its own.
          </p>
        )}
        {rule !== null ? null : via === 'webhook' ? (
          <TextInput
            {...form.text('url', { hint: 'One POST for each action, signed with a secret that is shown next.' })}
            label="Address"
            type="url"
            placeholder="https://"
          />
        ) : (
          <>
            <TagsInput
              {...form.many('to', { hint: 'Enter after each.' })}
              label="E-mail addresses"
              acceptValueOnBlur
              splitChars={[',', ' ', ';']}
            />
            <NumberInput
              {...form.number('digestMinutes', { hint: 'What comes in so long is one mail; 0 sends each at once.' })}
              label="Gather for so many minutes"
            />
          </>
        )}
        <h2 className={classes.section}>Of what</h2>
        <MultiSelect
          {...form.many('statuses')}
          label="When an action is"
          searchable
          data={toldStatuses.map((it) => ({ value: it, label: statusLooks[it].word }))}
        />
        <MultiSelect
          {...form.many('actions', { hint: 'None chosen: every kind.' })}
          label="Kinds of action"
          searchable
          data={actionNames.map((it) => ({ value: it, label: specOf(it).title }))}
        />
        <SegmentedControl
          size="xs"
          aria-label="Doing or undoing"
          data={[
            { value: 'both', label: 'Done and taken back' },
            { value: 'do', label: 'Only done' },
            { value: 'undo', label: 'Only taken back' },
          ]}
          value={form.values.kinds}
          onChange={(it) => form.put('kinds', it)}
        />
        <MultiSelect
          {...form.many('groups', { hint: 'None chosen: every device.' })}
          label="Device groups"
          searchable
          data={groups.map((it) => ({ value: it.id, label: visible(it.name) }))}
        />
        <MultiSelect
          {...form.many('sources', { hint: 'None chosen: wherever it came from.' })}
          label="Sources"
          searchable
          data={Object.entries(sources).map(([value, label]) => ({ value, label }))}
        />
        <Switch {...form.toggle('enabled')} label="Switched on" />
      </Form>
    </Editor>
  )
}
