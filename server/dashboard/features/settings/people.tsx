import { Button, PasswordInput, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { useMe } from '../../app/session.ts'
import { Trouble } from '../../ui/screens.tsx'
import { When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import { type Person, peopleQuery, rolesQuery } from './people-queries.ts'
import classes from './settings.module.css'

/** Until they are read, there is nothing to choose from. */
const useRoles = () => useQuery(rolesQuery).data ?? []

export const People = () => {
  const me = useMe()
  const queries = useQueryClient()
  const { data, error } = useQuery(peopleQuery)
  const change = useMutation({
    mutationFn: ({ id, ...body }: { id: string; role?: string; disabled?: boolean }) =>
      send('PATCH', `/v1/people/${id}`, body),
    onSettled: () => queries.invalidateQueries({ queryKey: ['people'] }),
    onError: (failure) => toast({ error: failure }),
  })
  return (
    <>
      <section className={classes.card}>
        <h2>People</h2>
        <p className={classes.about}>
          Nobody is ever deleted, because the history names them. Somebody disabled is out at once, with every session
          and token.
        </p>
        {error === null ? null : <Trouble error={error} />}
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Role</th>
                <th scope="col">Since</th>
                <th scope="col">
                  <span aria-hidden="true" />
                </th>
              </tr>
            </thead>
            <tbody>
              {data?.map((it) => (
                <Row
                  key={it.id}
                  person={it}
                  mine={it.id === me?.id}
                  change={(body) => change.mutate({ id: it.id, ...body })}
                />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <Add />
    </>
  )
}

const Row = ({
  person,
  mine,
  change,
}: {
  person: Person
  mine: boolean
  change: (body: { role?: string; disabled?: boolean }) => void
}) => {
  const roles = useRoles()
  return (
    <tr className={person.disabled ? classes.off : undefined}>
      <td>
        {person.name}
        {mine ? ' (you)' : ''}
      </td>
      <td>
        {person.disabled ? (
          'disabled'
        ) : (
          <Select
            size="xs"
            w={290}
            aria-label={`Role of ${person.name}`}
            allowDeselect={false}
            data={roles}
            value={person.role}
            onChange={(role) => {
              if (role !== null && role !== person.role) change({ role })
            }}
          />
        )}
      </td>
      <td>
        <When at={person.createdAt} />
      </td>
      <td>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => change({ disabled: !person.disabled })}
          aria-label={`${person.disabled ? 'Let in again' : 'Disable'} ${person.name}`}
        >
          {person.disabled ? 'Let in again' : 'Disable'}
        </Button>
      </td>
    </tr>
  )
}

const Add = () => {
  const roles = useRoles()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState('responder')
  const add = useMutation({
    mutationFn: () => send<Person>('POST', '/v1/people', { name, password, role }),
    onSuccess: (person) => {
      setName('')
      setPassword('')
      toast({ message: `${person.name} may sign in now.` })
      void queries.invalidateQueries({ queryKey: ['people'] })
    },
  })
  return (
    <section className={classes.card}>
      <h2>Add somebody</h2>
      <p className={classes.about}>Give them the first password yourself; they change it under You.</p>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault()
          add.mutate()
        }}
      >
        <TextInput
          label="Name"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          label="First password"
          description="At least 12 characters"
          autoComplete="new-password"
          required
          withAsterisk={false}
          minLength={12}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
        />
        <Select
          label="Role"
          allowDeselect={false}
          data={roles}
          value={role}
          onChange={(it) => setRole(it ?? 'responder')}
        />
        {add.error === null ? null : <Trouble error={add.error} />}
        <div>
          <Button type="submit" size="xs" loading={add.isPending}>
            Add
          </Button>
        </div>
      </form>
    </section>
  )
}
