import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { Ask } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { groupsQuery } from '../groups/group.ts'
import classes from './part.module.css'
import { Card, useDeed, useLock } from './part.tsx'
import { gistOfPermissions } from './permission-words.ts'
import { type Role, rolesQuery } from './queries.ts'
import { RoleEditor } from './role-editor.tsx'
import { roleWords } from './role-words.ts'

const blank: Role = {
  name: '',
  description: '',
  builtIn: false,
  permissions: ['view'],
  groups: null,
  people: 0,
  revision: 0,
}

/** What people and programs may do, and on which devices. */
export const Roles = () => {
  const lock = useLock('roles-manage')
  const { data, error } = useQuery(rolesQuery)
  const groups = useQuery(groupsQuery).data?.groups ?? []
  const [open, setOpen] = useState<Role | null>(null)
  const [doomed, setDoomed] = useState<Role | null>(null)
  const remove = useDeed(
    (it: Role) => send('DELETE', `/v1/roles/${it.name}`),
    ['roles'],
    (it) => `The role ${it.name} is gone.`,
  )
  const scopeOf = ({ groups: ids }: Role): string =>
    ids === null
      ? 'every device'
      : ids.map((id) => visible(groups.find((it) => it.id === id)?.name ?? 'a group that is gone')).join(', ')
  return (
    <Card
      title="Roles"
      about="A role says what somebody may do, for each kind of action, and on the devices of which groups. A change holds from the next request of whoever has it."
      action={
        lock === null && data !== undefined ? (
          <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setOpen(blank)}>
            New role
          </Button>
        ) : null
      }
    >
      <SmallTable
        label="Roles"
        rows={data?.roles}
        error={error}
        idOf={(it) => it.name}
        columns={[
          {
            head: 'Role',
            cell: (it) => (
              <>
                {it.builtIn ? roleWords(it.name).split(':', 1)[0] : it.name}
                <span className={classes.under}>{it.builtIn ? 'built in' : visible(it.description)}</span>
              </>
            ),
          },
          {
            head: 'May',
            cell: (it) => (it.name === 'administrator' ? 'Everything' : gistOfPermissions(it.permissions)),
          },
          { head: 'On', cell: scopeOf },
          { head: 'People', cell: (it) => it.people },
        ]}
        doings={(it) => (
          <>
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => setOpen(it)}
              aria-label={`${it.builtIn || lock !== null ? 'Look at' : 'Change'} ${it.name}`}
            >
              {it.builtIn || lock !== null ? 'Look' : 'Change'}
            </Button>
            {it.builtIn || lock !== null ? null : (
              <Button
                size="compact-sm"
                variant="subtle"
                color="red"
                onClick={() => setDoomed(it)}
                aria-label={`Delete ${it.name}`}
              >
                Delete
              </Button>
            )}
          </>
        )}
      />
      {open === null ? null : (
        <RoleEditor
          role={data?.roles.find((it) => it.name === open.name) ?? open}
          offered={data?.permissions ?? []}
          groups={groups}
          locked={open.builtIn ? 'A built-in role cannot be changed. Make one of your own that fits better.' : lock}
          close={() => setOpen(null)}
        />
      )}
      {doomed === null ? null : (
        <Ask
          title={`Delete the role ${doomed.name}?`}
          words="That works only while nobody has it. The audit chain keeps what it was."
          yes="Delete the role"
          busy={remove.isPending}
          error={remove.error}
          go={() => remove.mutate(doomed, { onSuccess: () => setDoomed(null) })}
          stay={() => setDoomed(null)}
        />
      )}
    </Card>
  )
}
