import { Button, Drawer, Modal } from '@mantine/core'
import { useBlocker } from '@tanstack/react-router'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import classes from './form.module.css'
import { Icon, type IconName } from './icon.tsx'
import { Trouble } from './screens.tsx'
import type { Form as FormState } from './use-form.ts'

type Shown = Pick<FormState, 'changed' | 'locked' | 'busy' | 'saved' | 'trouble' | 'overtaken' | 'submit' | 'drop'>

interface FormProps {
  readonly form: Shown
  /** What the button says. */
  readonly save: string
  /** It makes something new: the button is there from the beginning, and nothing is left as it was. */
  readonly fresh?: boolean
  /** Neither leaving the page nor closing is asked about. */
  readonly careless?: boolean
  readonly wide?: boolean
  /** The button is as wide as the form. */
  readonly full?: boolean
  readonly children: ReactNode
}

/** The frame of every form: its fields, the button, what went wrong, and the question before unsaved work is lost. */
export const Form = ({
  form,
  save,
  fresh = false,
  careless = false,
  wide = false,
  full = false,
  children,
}: FormProps) => {
  const frame = useRef<HTMLFormElement>(null)
  // Whoever sent something wrong is brought to the first field that says so.
  useEffect(() => {
    if (!form.busy) frame.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [form.busy])
  const unsaved = form.changed && !careless
  return (
    <form
      ref={frame}
      className={classes.form}
      data-locked={form.locked !== null || undefined}
      data-wide={wide || undefined}
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        if (form.locked === null && !form.busy) form.submit()
      }}
    >
      {form.locked === null ? null : <Locked why={form.locked} />}
      {children}
      {form.locked === null ? (
        <div className={classes.foot}>
          <Button
            type="submit"
            size={full ? 'sm' : 'xs'}
            fullWidth={full}
            loading={form.busy}
            disabled={!fresh && !form.changed}
          >
            {save}
          </Button>
          {fresh ? null : (
            <Button
              size="xs"
              variant="default"
              className={classes.back ?? ''}
              data-hidden={!form.changed || undefined}
              onClick={form.drop}
            >
              Leave as it was
            </Button>
          )}
          <span className={classes.note} role="status">
            {fresh ? '' : form.changed ? 'Not saved yet' : form.saved ? 'Saved' : ''}
          </span>
        </div>
      ) : null}
      {form.trouble === null ? null : form.overtaken ? (
        <Overtaken drop={form.drop} />
      ) : (
        <Trouble error={form.trouble} />
      )}
      {unsaved ? <LeaveGuard /> : null}
    </form>
  )
}

/** Says why something is only shown. */
export const Locked = ({ why, icon = 'audit' }: { why: string; icon?: IconName }) => (
  <p className={classes.locked}>
    <Icon name={icon} size={16} />
    <span>{why}</span>
  </p>
)

const Overtaken = ({ drop }: { drop: () => void }) => (
  <Trouble
    says="Somebody else saved this while you were changing it, so nothing of yours was saved. Look at what they saved, then change it again."
    action={
      <Button size="compact-sm" variant="default" onClick={drop}>
        Show what they saved
      </Button>
    }
  />
)

/** Asks before unsaved work is left. What only opens or closes something on the same page does not leave it. */
const LeaveGuard = () => {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => current.pathname !== next.pathname,
    enableBeforeUnload: true,
    withResolver: true,
  })
  return blocker.status === 'blocked' ? <LoseIt go={blocker.proceed} stay={blocker.reset} /> : null
}

const LoseIt = ({ go, stay }: { go: () => void; stay: () => void }) => (
  <Ask
    title="Leave without saving?"
    words="What you changed here is not saved yet and would be lost."
    yes="Leave without saving"
    no="Stay here"
    go={go}
    stay={stay}
  />
)

/** A question before something that cannot simply be taken back. */
export const Ask = ({
  title,
  words,
  yes,
  no = 'Back',
  busy = false,
  error = null,
  go,
  stay,
}: {
  title: string
  words: ReactNode
  yes: string
  no?: string
  busy?: boolean
  error?: unknown
  go: () => void
  stay: () => void
}) => (
  <Modal opened onClose={stay} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
    <div className={classes.ask}>
      <p>{words}</p>
      {error === null ? null : <Trouble error={error} />}
      <div className={classes.answers}>
        <Button size="xs" variant="default" data-autofocus onClick={stay}>
          {no}
        </Button>
        <Button size="xs" color="red" loading={busy} onClick={go}>
          {yes}
        </Button>
      </div>
    </div>
  </Modal>
)

/** A form in a drawer. Closing it asks first when something in it is not saved. */
export const Editor = ({
  title,
  unsaved,
  close,
  children,
}: {
  title: string
  unsaved: boolean
  close: () => void
  children: ReactNode
}) => {
  const [asking, setAsking] = useState(false)
  return (
    <>
      <Drawer
        opened
        onClose={() => (unsaved ? setAsking(true) : close())}
        position="right"
        size={560}
        title={title}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {children}
      </Drawer>
      {asking ? <LoseIt go={close} stay={() => setAsking(false)} /> : null}
    </>
  )
}
