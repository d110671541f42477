import { Button, PasswordInput, Select, Switch, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { Editor, Form } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './part.module.css'
import { Card } from './part.tsx'
import { type Person, peopleQuery, rolesQuery } from './queries.ts'
import { roleWords } from './role-words.ts'

/** The roles one can give, in words. */
export const useRoleChoices = () =>
  useQuery(rolesQuery).data?.roles.map(({ name }) => ({ value: name, label: roleWords(name) })) ?? []

export const People = () => {
  const me = useMe()
  const people = useQuery(peopleQuery)
  const [open, setOpen] = useState<Person | 'new' | null>(null)
  return (
    <Card
      title="People"
      about="Nobody is ever deleted, because the history names them. Somebody disabled is out at once, with every session and token."
      action={
        people.data === undefined ? null : (
          <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setOpen('new')}>
            Add somebody
          </Button>
        )
      }
    >
      <SmallTable
        label="People"
        rows={people.data?.filter((it) => it.kind === 'person')}
        error={people.error}
        idOf={(it) => it.id}
        dimmed={(it) => it.disabled}
        columns={[
          { head: 'Name', cell: (it) => `${it.name}${it.id === me?.id ? ' (you)' : ''}` },
          { head: 'Role', cell: (it) => roleWords(it.role) },
          { head: 'Access', cell: (it) => (it.disabled ? 'disabled' : 'may sign in') },
          { head: 'Since', cell: (it) => <When at={it.createdAt} /> },
        ]}
        doings={(it) => (
          <Button size="compact-sm" variant="default" onClick={() => setOpen(it)} aria-label={`Change ${it.name}`}>
            Change
          </Button>
        )}
      />
      {open === null ? null : open === 'new' ? (
        <Add close={() => setOpen(null)} />
      ) : (
        <Change person={open} mine={open.id === me?.id} close={() => setOpen(null)} />
      )}
    </Card>
  )
}

const blank = { name: '', password: '', role: 'responder' }

const Add = ({ close }: { close: () => void }) => {
  const roles = useRoleChoices()
  const queries = useQueryClient()
  const form = useForm({
    kept: blank,
    save: (body) => send<Person>('POST', '/v1/people', body),
    done: ({ name }) => {
      toast({ message: `${name} may sign in now.` })
      void queries.invalidateQueries({ queryKey: ['people'] })
      close()
    },
    places: { name_taken: 'name' },
  })
  return (
    <Editor title="Add somebody" unsaved={form.changed} close={close}>
      <Form form={form} save="Add" fresh>
        <p className={classes.about}>Give them the first password yourself; they change it under You.</p>
        <TextInput
          {...form.text('name', { hint: 'Letters a–z, digits and . _ @ -' })}
          label="Name"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          data-autofocus
        />
        <PasswordInput
          {...form.text('password', { hint: 'At least 12 characters.' })}
          label="First password"
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
        <Select {...form.choice('role')} label="Role" data={roles} />
      </Form>
    </Editor>
  )
}

const Change = ({ person, mine, close }: { person: Person; mine: boolean; close: () => void }) => {
  const roles = useRoleChoices()
  const queries = useQueryClient()
  const again = () => queries.invalidateQueries({ queryKey: ['people'] })
  const now = queries.getQueryData(peopleQuery.queryKey)?.find((it) => it.id === person.id) ?? person
  const form = useForm({
    kept: { role: now.role, disabled: now.disabled, password: '' },
    save: ({ role, disabled, password }, before) =>
      send<Person>('PATCH', `/v1/people/${person.id}`, {
        ...(role === before.role ? {} : { role }),
        ...(disabled === before.disabled ? {} : { disabled }),
        ...(password === '' ? {} : { password }),
        was: { role: before.role, disabled: before.disabled },
      }),
    done: () => {
      toast({ message: `${person.name} is changed; it holds from their next request.` })
      void again()
      close()
    },
    again,
    places: { not_found: 'role', last_administrator: 'role' },
  })
  return (
    <Editor title={`Change ${person.name}`} unsaved={form.changed} close={close}>
      <Form form={form} save="Save">
        <Select {...form.choice('role')} label="Role" data={roles} data-autofocus />
        <PasswordInput
          {...form.text('password', {
            hint: 'Left empty, it stays. A new one ends every session and token of theirs.',
          })}
          label="New password"
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
        <Switch
          {...form.toggle('disabled')}
          label="Disabled"
          description={
            mine
              ? 'You would be out at once, with every session and token of yours.'
              : 'Out at once, with every session and token. The name stays in the history.'
          }
        />
      </Form>
    </Editor>
  )
}
