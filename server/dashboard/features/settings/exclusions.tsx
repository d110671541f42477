import { Button, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { Editor, Form, Locked } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { When } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import { devicesQuery } from '../devices/queries.ts'
import { groupsQuery } from '../groups/group.ts'
import classes from './part.module.css'
import { Card, useDeed, useLock } from './part.tsx'
import { type Exclusion, exclusionsQuery } from './queries.ts'

const kinds = { device: 'A device', folder: 'A folder', sha256: 'A content' } as const
const hints = {
  folder: 'With all below it, such as /opt/scanner or \\tools\\lab; * stands for one name.',
  sha256: '64 hexadecimal digits.',
} as const
const everyGroup = 'every'
const key = ['group']

/** What automation leaves alone. */
export const Exclusions = () => {
  const lock = useLock('security-settings')
  const { data, error } = useQuery(exclusionsQuery)
  const devices = useQuery(devicesQuery).data ?? []
  const groups = useQuery(groupsQuery).data?.groups ?? []
  const [adding, setAdding] = useState(false)
  const end = useDeed(
    (it: Exclusion) => send('DELETE', `/v1/exclusions/${it.id}`),
    key,
    () => 'The exclusion has ended. What was skipped meanwhile stays skipped.',
  )
  const valueOf = (it: Exclusion) =>
    it.kind === 'device' ? visible(devices.find(({ id }) => id === it.value)?.name ?? it.value) : visible(it.value)
  return (
    <Card
      title="Exclusions"
      about="Automation neither acts on what is excluded nor asks about it, and says so with your reason. A person can still ask for an action."
      action={
        lock === null ? (
          <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setAdding(true)}>
            Exclude something
          </Button>
        ) : null
      }
    >
      {lock === null ? null : <Locked why={lock} />}
      <SmallTable
        label="Exclusions"
        rows={data}
        error={error}
        idOf={(it) => it.id}
        columns={[
          {
            head: 'What',
            cell: (it) => (
              <>
                {it.kind === 'device' ? valueOf(it) : <code>{valueOf(it)}</code>}
                <span className={classes.under}>{kinds[it.kind].toLowerCase()}</span>
              </>
            ),
          },
          {
            head: 'In group',
            cell: (it) =>
              it.group === null ? 'every group' : visible(groups.find(({ id }) => id === it.group)?.name ?? it.group),
          },
          { head: 'Why', cell: (it) => visible(it.comment) },
          {
            head: 'By',
            cell: (it) => (
              <>
                {visible(it.createdBy)}, <When at={it.createdAt} />
              </>
            ),
          },
        ]}
        doings={
          lock === null
            ? (it) => (
                <Button
                  size="compact-sm"
                  variant="default"
                  onClick={() => end.mutate(it)}
                  aria-label={`End the exclusion of ${valueOf(it)}`}
                >
                  End
                </Button>
              )
            : null
        }
        empty={
          <EmptyState icon="held" title="Nothing is excluded">
            Exclude what automation must leave alone: a lab machine, the folder of a scanner, one known file.
          </EmptyState>
        }
      />
      {adding ? (
        <Add
          devices={devices
            .filter((it) => it.status === 'active')
            .map((it) => ({ value: it.id, label: visible(it.name) }))}
          groups={groups.map((it) => ({ value: it.id, label: visible(it.name) }))}
          close={() => setAdding(false)}
        />
      ) : null}
    </Card>
  )
}

interface Choice {
  readonly value: string
  readonly label: string
}

interface Wish {
  readonly kind: keyof typeof kinds
  readonly value: string
  readonly group: string
  readonly comment: string
}

const blank: Wish = { kind: 'folder', value: '', group: everyGroup, comment: '' }

const Add = ({
  devices,
  groups,
  close,
}: {
  devices: readonly Choice[]
  groups: readonly Choice[]
  close: () => void
}) => {
  const queries = useQueryClient()
  const form = useForm({
    kept: blank,
    save: (it) => send('POST', '/v1/exclusions', { ...it, group: it.group === everyGroup ? null : it.group }),
    done: () => {
      toast({ message: 'It is excluded. What waits for approval and is not decided yet was looked at again.' })
      void queries.invalidateQueries({ queryKey: key })
      close()
    },
  })
  const { kind } = form.values
  return (
    <Editor title="Exclude something from automation" unsaved={form.changed} close={close}>
      <Form form={form} save="Exclude it" fresh>
        <SegmentedControl
          size="xs"
          aria-label="What is excluded"
          data={Object.entries(kinds).map(([value, label]) => ({ value, label }))}
          value={kind}
          onChange={(it) => form.change({ kind: it as Wish['kind'], value: '' })}
        />
        {kind === 'device' ? (
          <Select {...form.choice('value')} label="Device" searchable data={[...devices]} limit={50} />
        ) : (
          <TextInput
            {...form.text('value', { hint: hints[kind] })}
            label={kind === 'folder' ? 'Folder' : 'SHA-256'}
            autoComplete="off"
            spellCheck={false}
          />
        )}
        <Select
          {...form.choice('group')}
          label="For devices of"
          data={[{ value: everyGroup, label: 'Every group' }, ...groups]}
        />
        <TextInput {...form.text('comment', { hint: 'It is shown to whoever wonders.' })} label="Why?" />
      </Form>
    </Editor>
  )
}
