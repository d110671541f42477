import { Button, Modal, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { send } from '../../app/api.ts'
import { useMay } from '../../app/session.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import { TimeLeft } from '../../ui/time.tsx'
import { toast } from '../../ui/toast.tsx'
import sheets from '../actions/deed-sheet.module.css'
import classes from './devices.module.css'
import type { Device } from './queries.ts'

type Care = 'describe' | 'break-glass' | 'revoke'

/** What an administrator does with the device itself. */
export const DeviceCare = ({ device }: { device: Device }) => {
  const may = useMay()
  const [open, setOpen] = useState<Care | null>(null)
  if (!may('devices-manage')) return null
  const close = () => setOpen(null)
  return (
    <section className={`${classes.card} ${classes.wide}`}>
      <h2>This device itself</h2>
      <div className={classes.buttons}>
        <Button size="xs" variant="default" onClick={() => setOpen('describe')}>
          Name and tags
        </Button>
        {device.status === 'active' ? (
          <>
            <Button
              size="xs"
              variant="default"
              leftSection={<Icon name="key" size={15} />}
              onClick={() => setOpen('break-glass')}
            >
              Show break-glass code
            </Button>
            <Button
              size="xs"
              variant="default"
              color="red"
              leftSection={<Icon name="refused" size={15} />}
              onClick={() => setOpen('revoke')}
            >
              Revoke
            </Button>
          </>
        ) : null}
      </div>
      {open === 'describe' ? <Describe device={device} close={close} /> : null}
      {open === 'break-glass' ? <BreakGlass device={device} close={close} /> : null}
      {open === 'revoke' ? <Revoke device={device} close={close} /> : null}
    </section>
  )
}

interface CareProps {
  readonly device: Device
  readonly close: () => void
}

const closing = { 'aria-label': 'Close' }

const Describe = ({ device, close }: CareProps) => {
  const queries = useQueryClient()
  const [name, setName] = useState(device.name)
  const [tags, setTags] = useState<string[]>([...device.tags])
  const save = useMutation({
    mutationFn: () => send('PATCH', `/v1/devices/${device.id}`, { name: name.trim(), tags }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['devices'] })
      close()
    },
  })
  return (
    <Modal opened onClose={close} title="Name and tags" closeButtonProps={closing}>
      <form
        className={sheets.sheet}
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <TextInput
          label="Name"
          maxLength={100}
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          data-autofocus
        />
        <TagsInput label="Tags" description="Enter after each" value={tags} onChange={setTags} maxTags={50} />
        {save.error === null ? null : <Trouble error={save.error} />}
        <div className={sheets.buttons}>
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Modal>
  )
}

const BreakGlass = ({ device, close }: CareProps) => {
  const [comment, setComment] = useState('')
  const ask = useMutation({
    mutationFn: () =>
      send<{ code: string; expiresAt: number }>('POST', `/v1/devices/${device.id}/break-glass-code`, {
        comment: comment.trim(),
      }),
  })
  return (
    <Modal opened onClose={close} title="Break-glass code" closeButtonProps={closing}>
      <div className={sheets.sheet}>
        <p>
          With this code root can take actions back on {visible(device.name)} when no control plane answers. Showing it
          is recorded, and the device gets a new one when it next connects.
        </p>
        {ask.data === undefined ? (
          <>
            <Why value={comment} change={setComment} />
            {ask.error === null ? null : <Trouble error={ask.error} />}
            <div className={sheets.buttons}>
              <Button loading={ask.isPending} disabled={comment.trim() === ''} onClick={() => ask.mutate()}>
                Show the code
              </Button>
            </div>
          </>
        ) : (
          <>
            <code className={classes.code}>{ask.data.code}</code>
            <p className={sheets.hint}>
              Good for <TimeLeft until={ask.data.expiresAt} />. On the device:{' '}
              <code>recourse-agent undo ACTION --code {ask.data.code}</code>
            </p>
          </>
        )}
      </div>
    </Modal>
  )
}

const Revoke = ({ device, close }: CareProps) => {
  const queries = useQueryClient()
  const [comment, setComment] = useState('')
  const revoke = useMutation({
    mutationFn: () => send('POST', `/v1/devices/${device.id}/revoke`, { comment: comment.trim() }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['devices'] })
      toast({ message: `${visible(device.name)} is refused from now on.` })
      close()
    },
  })
  return (
    <Modal opened onClose={close} title={`Revoke ${visible(device.name)}`} closeButtonProps={closing}>
      <form
        className={sheets.sheet}
        onSubmit={(event) => {
          event.preventDefault()
          revoke.mutate()
        }}
      >
        <p>
          The device is refused at the handshake from now on. What is in force on it stays in force, and can then only
          be taken back on the device itself. It has to be enrolled anew to come back.
        </p>
        <Why value={comment} change={setComment} />
        {revoke.error === null ? null : <Trouble error={revoke.error} />}
        <div className={sheets.buttons}>
          <Button variant="default" onClick={close}>
            Back
          </Button>
          <Button type="submit" color="red" loading={revoke.isPending} disabled={comment.trim() === ''}>
            Revoke
          </Button>
        </div>
      </form>
    </Modal>
  )
}

const Why = ({ value, change }: { value: string; change: (text: string) => void }) => (
  <Textarea
    label="Why?"
    description="Stays in the audit chain"
    autosize
    minRows={2}
    maxLength={4_000}
    required
    withAsterisk={false}
    data-autofocus
    value={value}
    onChange={(event) => change(event.currentTarget.value)}
  />
)
