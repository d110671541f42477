import { MultiSelect, SegmentedControl, Textarea, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { Editor, Form } from '../../ui/form.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import type { Group } from '../groups/group.ts'
import { PermissionChoice } from './permission-choice.tsx'
import type { Role } from './queries.ts'

interface Wish {
  readonly name: string
  readonly description: string
  readonly permissions: readonly string[]
  readonly everywhere: boolean
  readonly groups: readonly string[]
  readonly revision: number
}

const wishOf = ({ name, description, permissions, groups, revision }: Role): Wish => ({
  name,
  description,
  permissions,
  everywhere: groups === null,
  groups: groups ?? [],
  revision,
})

/** Makes a role, changes one, or shows one that cannot be changed. */
export const RoleEditor = ({
  role,
  offered,
  groups,
  locked,
  close,
}: {
  role: Role
  offered: readonly string[]
  groups: readonly Group[]
  locked: string | null
  close: () => void
}) => {
  const me = useMe()
  const queries = useQueryClient()
  const fresh = role.revision === 0 && !role.builtIn
  const again = () => queries.invalidateQueries({ queryKey: ['roles'] })
  const form = useForm({
    kept: wishOf(role),
    locked,
    save: ({ name, description, permissions, everywhere, groups: some }, { revision }) => {
      const body = { description, permissions, groups: everywhere ? null : some }
      return fresh
        ? send('POST', '/v1/roles', { name, ...body })
        : send('PATCH', `/v1/roles/${role.name}`, { ...body, revision })
    },
    done: () => {
      toast({ message: fresh ? 'The role is there. Give it to somebody under People.' : 'The role is changed.' })
      void again()
      void queries.invalidateQueries({ queryKey: ['session'] })
      close()
    },
    again,
    places: { name_taken: 'name', not_found: 'groups' },
  })
  const mine = new Set(me?.permissions)
  return (
    <Editor title={fresh ? 'New role' : `Role ${role.name}`} unsaved={form.changed} close={close}>
      <Form form={form} save={fresh ? 'Make the role' : 'Save'} fresh={fresh}>
        {fresh ? (
          <TextInput
            {...form.text('name', { hint: 'Letters a–z, digits and . _ -. It cannot be changed later.' })}
            label="Name"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            data-autofocus
          />
        ) : null}
        {role.builtIn ? null : (
          <Textarea
            {...form.text('description')}
            label="What it is for"
            autosize
            minRows={2}
            data-autofocus={fresh ? undefined : true}
          />
        )}
        <PermissionChoice
          label="What it allows"
          offered={offered.filter((it) => mine.has(it) || form.values.permissions.includes(it))}
          value={form.values.permissions}
          change={(permissions) => form.put('permissions', permissions)}
          disabled={locked !== null}
          fault={form.faultOf('permissions')}
        />
        <fieldset>
          <legend>On which devices</legend>
          <SegmentedControl
            mt={6}
            mb={6}
            size="xs"
            aria-label="On which devices"
            disabled={locked !== null}
            data={[
              { value: 'every', label: 'Every device' },
              { value: 'some', label: 'Only those of some groups' },
            ]}
            value={form.values.everywhere ? 'every' : 'some'}
            onChange={(it) => form.put('everywhere', it === 'every')}
          />
          {form.values.everywhere ? null : (
            <MultiSelect
              {...form.many('groups', { hint: 'Of all other devices they learn nothing, not even that they exist.' })}
              label="Device groups"
              searchable
              data={groups.map((it) => ({ value: it.id, label: visible(it.name) }))}
            />
          )}
        </fieldset>
      </Form>
    </Editor>
  )
}
