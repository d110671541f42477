import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { sentenceFor } from '../app/problem.ts'
import { Icon, type IconName } from './icon.tsx'
import classes from './screens.module.css'

/** Nothing to show, and what one could do about it. */
export const EmptyState = ({
  icon,
  title,
  children,
  action,
}: {
  icon: IconName
  title: string
  children?: ReactNode
  action?: ReactNode
}) => (
  <div className={classes.empty}>
    <span className={classes.mark}>
      <Icon name={icon} size={26} />
    </span>
    <h2>{title}</h2>
    {children === undefined ? null : <div className={classes.words}>{children}</div>}
    {action}
  </div>
)

/** What went wrong, in a sentence, and a way on: to try again, or one of its own. */
export const Trouble = ({
  error,
  says,
  retry,
  action,
}: {
  error?: unknown
  /** Better words than those of the error. */
  says?: string
  retry?: () => void
  action?: ReactNode
}) => (
  <div className={classes.trouble} role="alert">
    <Icon name="warning" />
    <span className={classes.says}>{says ?? sentenceFor(error)}</span>
    {action}
    {retry === undefined ? null : (
      <Button size="compact-sm" variant="default" onClick={retry}>
        Try again
      </Button>
    )}
  </div>
)

/** Something that only others may see, and why. */
export const NoAccess = ({ error }: { error: unknown }) => (
  <EmptyState icon="audit" title="You cannot see this">
    {sentenceFor(error)} Whoever manages roles can give you one that does; what yours allows stands under{' '}
    <Link to="/settings/$part" params={{ part: 'you' }}>
      You
    </Link>
    .
  </EmptyState>
)

export const ErrorScreen = ({ error, reset }: { error: unknown; reset: () => void }) => (
  <main className={classes.screen}>
    <EmptyState icon="warning" title="This page could not be shown" action={<Button onClick={reset}>Try again</Button>}>
      {sentenceFor(error)}
    </EmptyState>
  </main>
)

export const MissingScreen = () => (
  <main className={classes.screen}>
    <EmptyState icon="search" title="There is no such page">
      The address may be mistyped, or the page has moved. <Link to="/">Go to the overview</Link>.
    </EmptyState>
  </main>
)
