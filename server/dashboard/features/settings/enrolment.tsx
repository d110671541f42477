import { Button, NumberInput, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { get, send } from '../../app/api.ts'
import { Form } from '../../ui/form.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { ShownOnce } from '../../ui/shown-once.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { TimeLeft, When } from '../../ui/time.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './part.module.css'
import { Card, useDeed } from './part.tsx'

interface EnrolmentToken {
  readonly id: string
  readonly group: string
  readonly usesLeft: number
  readonly expiresAt: number
  readonly createdAt: number
}

interface MadeToken extends EnrolmentToken {
  readonly token: string
  /** Where devices enrol: `host:port`. */
  readonly server: string
}

interface Wish {
  readonly group: string
  readonly uses: number | null
  readonly hours: string
}

const lengths = [
  { value: '1', label: 'One hour' },
  { value: '24', label: 'A day' },
  { value: '168', label: 'A week' },
]
const blank: Wish = { group: 'default', uses: 1, hours: '24' }
const key = ['enrolment-tokens']

/** The token goes by standard input: a list of processes would show what stands behind a command. */
const commands = {
  service: ({ server, token }: MadeToken) =>
    `printf %s '${token}' | sudo node /usr/lib/recourse/recourse-agent.cjs enrol --server ${server} --token - && sudo systemctl enable --now recourse-agent`,
  try: ({ server, token }: MadeToken) =>
    `printf %s '${token}' | recourse-agent enrol --server ${server} --token - && recourse-agent run`,
} as const

/** How a device comes in: a token that is good for so many devices and so long, and one command. */
export const Enrolment = () => {
  const queries = useQueryClient()
  const [made, setMade] = useState<MadeToken | null>(null)
  const { data, error } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => get<{ items: readonly EnrolmentToken[] }>('/v1/enrolment-tokens', undefined, signal),
  })
  const form = useForm({
    kept: blank,
    save: ({ group, uses, hours }) =>
      send<MadeToken>('POST', '/v1/enrolment-tokens', { group: group.trim(), uses, hours: Number(hours) }),
    done: (it) => {
      setMade(it)
      void queries.invalidateQueries({ queryKey: key })
    },
  })
  const withdraw = useDeed(
    (it: EnrolmentToken) => send('DELETE', `/v1/enrolment-tokens/${it.id}`),
    key,
    () => 'The token lets nobody in any more.',
  )
  const now = Date.now()
  return (
    <>
      {made === null ? null : <Command made={made} close={() => setMade(null)} />}
      {data === undefined ? null : (
        <Card
          title="Enrol devices"
          about="A device makes its own key, proves with the token that it is let in, and knows by the token that it speaks with this control plane. The rules of device groups can go by the tag."
        >
          <Form form={form} save="Make a token" fresh careless>
            <TextInput
              {...form.text('group', { hint: '“default” gives none.' })}
              label="Tag they get"
              autoComplete="off"
            />
            <div className={classes.pair}>
              <NumberInput {...form.number('uses')} label="How many devices" min={1} />
              <Select {...form.choice('hours')} label="Good for" data={lengths} />
            </div>
          </Form>
        </Card>
      )}
      <Card title="Tokens that still let devices in">
        <SmallTable
          label="Tokens that still let devices in"
          rows={data?.items.filter((it) => it.usesLeft > 0 && it.expiresAt > now)}
          error={error}
          idOf={(it) => it.id}
          columns={[
            { head: 'Token', cell: (it) => <code>{it.id}</code> },
            { head: 'Tag', cell: (it) => visible(it.group) },
            { head: 'Uses left', cell: (it) => it.usesLeft },
            { head: 'Made', cell: (it) => <When at={it.createdAt} /> },
            { head: 'Ends in', cell: (it) => <TimeLeft until={it.expiresAt} /> },
          ]}
          doings={(it) => (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => withdraw.mutate(it)}
              aria-label={`Withdraw token ${it.id}`}
            >
              Withdraw
            </Button>
          )}
          empty={
            <EmptyState icon="key" title="No token is open">
              Nobody can enrol a device now. That is how it should be, most of the time.
            </EmptyState>
          }
        />
      </Card>
    </>
  )
}

const Command = ({ made, close }: { made: MadeToken; close: () => void }) => {
  const [way, setWay] = useState<keyof typeof commands>('service')
  return (
    <ShownOnce
      words="Run this on the device. The token in it is shown only now."
      text={commands[way](made)}
      copy="Copy the command"
      close={close}
      before={
        <SegmentedControl
          size="xs"
          aria-label="How it runs"
          data={[
            { value: 'service', label: 'As a service, with systemd' },
            { value: 'try', label: 'In this terminal' },
          ]}
          value={way}
          onChange={(it) => setWay(it)}
        />
      }
    >
      <Button component={Link} to="/devices" variant="default" size="sm">
        Watch it appear under Devices
      </Button>
    </ShownOnce>
  )
}
