import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Preview } from '../../../../protocol/outcome.ts'
import { meaningOf } from '../../app/problem.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import type { Action } from './action.ts'
import classes from './flyout.module.css'
import { previewOf } from './forecast.tsx'

/** What the device would do and what that would hurt, asked of it without touching anything. */
export const Plan = ({ row, deed = 'do' }: { row: Action; deed?: 'do' | 'undo' }) => {
  const [wanted, setWanted] = useState(deed === 'do')
  const { data, error, isFetching, refetch } = useQuery({ ...previewOf(row, deed), enabled: wanted })
  if (!wanted) {
    return (
      <div>
        <Button
          size="compact-sm"
          variant="light"
          leftSection={<Icon name="eye" size={15} />}
          onClick={() => setWanted(true)}
        >
          Show what it would put back
        </Button>
      </div>
    )
  }
  const body =
    error !== null ? (
      <Trouble error={error} retry={() => void refetch()} />
    ) : data === undefined ? (
      <p className={classes.quiet}>{isFetching ? 'Asking the device …' : ''}</p>
    ) : (
      <PlanAnswer preview={data} />
    )
  return deed === 'undo' ? (
    body
  ) : (
    <section className={classes.section} aria-live="polite">
      <h3>Preview from the device</h3>
      {body}
    </section>
  )
}

export const PlanAnswer = ({ preview }: { preview: Preview }) => {
  if (preview.answer === 'refused') {
    return (
      <p>
        The device would refuse: {meaningOf(preview.code)} {visible(preview.detail)}
      </p>
    )
  }
  return (
    <ul className={classes.list}>
      {preview.would.map((it) => (
        <li key={it}>
          <span className={classes.quiet}>
            <Icon name="right" size={16} />
          </span>
          <span>{visible(it)}</span>
        </li>
      ))}
      {preview.hurts.map((it) => (
        <li key={`${it.what} ${it.detail}`}>
          <span className={classes.warn}>
            <Icon name="warning" size={16} />
          </span>
          <span>
            <strong>{visible(it.what)}</strong>: {visible(it.detail)}
          </span>
        </li>
      ))}
      {preview.gaps.map((it) => (
        <li key={`gap ${it.what}`}>
          <span className={classes.warn}>
            <Icon name="info" size={16} />
          </span>
          <span>
            An undo would not restore <strong>{visible(it.what)}</strong>: {visible(it.why)}
          </span>
        </li>
      ))}
      {preview.hurts.length === 0 ? (
        <li>
          <span className={classes.good}>
            <Icon name="good" size={16} />
          </span>
          <span>It would hurt nothing else that the device can see.</span>
        </li>
      ) : null}
    </ul>
  )
}
