import { Button } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { sentenceFor } from '../app/problem.ts'
import { Icon } from './icon.tsx'
import classes from './toast.module.css'

type Toast =
  | { readonly message: string; readonly action?: { readonly label: string; run(): void } }
  | { readonly error: unknown }

/** Says what happened, in a corner, for a while; may offer the way back. */
export function toast(what: Toast): void {
  if ('error' in what) {
    notifications.show({
      message: sentenceFor(what.error),
      color: 'red',
      autoClose: 12_000,
      icon: <Icon name="warning" />,
      withBorder: true,
      closeButtonProps: { 'aria-label': 'Close' },
    })
    return
  }
  const { message, action } = what
  const id = crypto.randomUUID()
  notifications.show({
    id,
    withBorder: true,
    closeButtonProps: { 'aria-label': 'Close' },
    autoClose: action === undefined ? 5_000 : 10_000,
    message: (
      <span className={classes.toast}>
        <span>{message}</span>
        {action === undefined ? null : (
          <Button
            size="compact-sm"
            variant="light"
            onClick={() => {
              notifications.hide(id)
              action.run()
            }}
          >
            {action.label}
          </Button>
        )}
      </span>
    ),
  })
}
