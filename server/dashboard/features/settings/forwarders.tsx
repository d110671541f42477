import { Button, NumberInput, SegmentedControl, Select, Switch, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { Ask, Editor, Form } from '../../ui/form.tsx'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { EmptyState } from '../../ui/screens.tsx'
import { SmallTable } from '../../ui/small-table.tsx'
import { toast } from '../../ui/toast.tsx'
import { useForm } from '../../ui/use-form.ts'
import classes from './part.module.css'
import { Card, useDeed } from './part.tsx'
import { type Forwarder, forwardersQuery } from './queries.ts'
import { QueueDoings, QueueState, TestAnswer, useTest } from './queue.tsx'
import { WebhookSecret } from './webhook-secret.tsx'

const contents = {
  audit: 'The audit chain',
  ocsf: 'OCSF events of ended actions',
  both: 'Both',
} as const
const key = ['forwarders']

const placeOf = ({ target }: Forwarder): string =>
  target.kind === 'webhook' ? target.url : `${target.host}:${target.port}`

/** Who gets the audit chain as it grows. */
export const Forwarders = () => {
  const { data, error } = useQuery(forwardersQuery)
  const [open, setOpen] = useState<Forwarder | 'new' | null>(null)
  const [doomed, setDoomed] = useState<Forwarder | null>(null)
  const [secret, setSecret] = useState<string | null>(null)
  const test = useTest('forwarders')
  const remove = useDeed(
    (it: Forwarder) => send('DELETE', `/v1/forwarders/${it.id}`),
    key,
    (it) => `The forwarder ${visible(it.name)} is gone.`,
  )
  return (
    <>
      {secret === null ? null : <WebhookSecret text={secret} close={() => setSecret(null)} />}
      <Card
        title="Forwarders"
        about="Each has its own place in the chain, never gives up, and loses nothing: while a receiver is away, what it has not got waits here."
        action={
          data === undefined ? null : (
            <Button size="xs" leftSection={<Icon name="plus" size={15} />} onClick={() => setOpen('new')}>
              New forwarder
            </Button>
          )
        }
      >
        <SmallTable
          label="Forwarders"
          rows={data}
          error={error}
          idOf={(it) => it.id}
          dimmed={(it) => !it.enabled}
          columns={[
            {
              head: 'Forwarder',
              cell: (it) => (
                <>
                  {visible(it.name)}
                  <span className={classes.under}>{it.enabled ? contents[it.content] : 'stopped'}</span>
                </>
              ),
            },
            {
              head: 'To',
              cell: (it) => (
                <>
                  <code>{visible(placeOf(it))}</code>
                  <span className={classes.under}>{it.target.kind === 'webhook' ? 'webhook' : 'syslog over TLS'}</span>
                </>
              ),
            },
            { head: 'Queue', cell: (it) => <QueueState waiting={it.behind} queue={it} /> },
          ]}
          doings={(it) => (
            <QueueDoings
              name={visible(it.name)}
              testing={test.isPending && test.variables.id === it.id}
              test={() => test.mutate(it)}
              change={() => setOpen(it)}
              remove={() => setDoomed(it)}
            />
          )}
          empty={
            <EmptyState icon="link" title="The chain goes nowhere else">
              A forwarder feeds a SIEM or a log store: whatever happens to this machine, its history lies elsewhere too.
            </EmptyState>
          }
        />
        <TestAnswer tested={test.data} />
      </Card>
      {open === null ? null : open === 'new' ? (
        <Add close={() => setOpen(null)} shown={setSecret} />
      ) : (
        <Change forwarder={data?.find((it) => it.id === open.id) ?? open} close={() => setOpen(null)} />
      )}
      {doomed === null ? null : (
        <Ask
          title={`Delete the forwarder ${visible(doomed.name)}?`}
          words="Its place in the chain is forgotten. A new one begins at the beginning, or now."
          yes="Delete the forwarder"
          busy={remove.isPending}
          go={() => remove.mutate(doomed, { onSuccess: () => setDoomed(null) })}
          stay={() => setDoomed(null)}
        />
      )}
    </>
  )
}

interface Wish {
  readonly name: string
  readonly via: string
  readonly url: string
  readonly host: string
  readonly port: number | null
  readonly ca: string
  readonly content: string
  readonly from: string
}

const blank: Wish = {
  name: '',
  via: 'syslog',
  url: '',
  host: '',
  port: 6_514,
  ca: '',
  content: 'audit',
  from: 'now',
}

const places = {
  'target/url': 'url',
  'target/host': 'host',
  'target/port': 'port',
  'target/ca': 'ca',
} as const

const Add = ({ close, shown }: { close: () => void; shown: (secret: string | null) => void }) => {
  const queries = useQueryClient()
  const form = useForm({
    kept: blank,
    save: ({ via, url, host, port, ca, ...it }) =>
      send<{ secret: string | null }>('POST', '/v1/forwarders', {
        ...it,
        target:
          via === 'webhook'
            ? { kind: 'webhook', url }
            : { kind: 'syslog', host, port, ca: ca.trim() === '' ? null : ca.trim() },
      }),
    done: ({ secret }) => {
      toast({ message: 'The forwarder works from now on. Test it once.' })
      shown(secret)
      void queries.invalidateQueries({ queryKey: key })
      close()
    },
    places,
  })
  return (
    <Editor title="New forwarder" unsaved={form.changed} close={close}>
      <Form form={form} save="Make the forwarder" fresh>
        <TextInput {...form.text('name')} label="Name" autoComplete="off" data-autofocus />
        <SegmentedControl
          size="xs"
          aria-label="How it is sent"
          data={[
            { value: 'syslog', label: 'Syslog over TLS' },
            { value: 'webhook', label: 'Webhook' },
          ]}
          value={form.values.via}
          onChange={(it) => form.put('via', it)}
        />
        {form.values.via === 'webhook' ? (
          <TextInput
            {...form.text('url', { hint: 'Lines of JSON, signed with a secret that is shown next.' })}
            label="Address"
            type="url"
            placeholder="https://"
          />
        ) : (
          <>
            <div className={classes.pair}>
              <TextInput {...form.text('host')} label="Host" autoComplete="off" spellCheck={false} />
              <NumberInput {...form.number('port')} label="Port" hideControls thousandSeparator="" />
            </div>
            <Textarea
              {...form.text('ca', { hint: 'PEM; empty for the authorities of the system.' })}
              label="Who vouches for the receiver"
              autosize
              minRows={3}
              maxRows={8}
              spellCheck={false}
            />
          </>
        )}
        <Select
          {...form.choice('content')}
          label="What it gets"
          data={Object.entries(contents).map(([value, label]) => ({ value, label }))}
        />
        <Select
          {...form.choice('from')}
          label="Beginning with"
          data={[
            { value: 'now', label: 'What happens from now on' },
            { value: 'beginning', label: 'The first entry of the chain' },
          ]}
        />
      </Form>
    </Editor>
  )
}

const Change = ({ forwarder, close }: { forwarder: Forwarder; close: () => void }) => {
  const queries = useQueryClient()
  const again = () => queries.invalidateQueries({ queryKey: key })
  const { id, name, enabled, revision } = forwarder
  const form = useForm({
    kept: { name, enabled, revision },
    save: (it, before) =>
      send('PATCH', `/v1/forwarders/${id}`, { name: it.name, enabled: it.enabled, revision: before.revision }),
    done: () => {
      toast({ message: 'The forwarder is changed.' })
      void again()
      close()
    },
    again,
  })
  return (
    <Editor title={`Forwarder ${visible(name)}`} unsaved={form.changed} close={close}>
      <Form form={form} save="Save">
        <TextInput {...form.text('name')} label="Name" autoComplete="off" data-autofocus />
        <Switch
          {...form.toggle('enabled')}
          label="Running"
          description="While it is stopped, what it has not got waits."
        />
        <p className={classes.about}>
          It sends {contents[forwarder.content].toLowerCase()} to <strong>{visible(placeOf(forwarder))}</strong>. To
          send something else, or elsewhere, make another one.
        </p>
      </Form>
    </Editor>
  )
}
