import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ConflictChoice, Outcome } from '../../../../protocol/outcome.ts'
import { visible } from '../../ui/plain-text.tsx'
import { Trouble } from '../../ui/screens.tsx'
import type { Action } from './action.ts'
import { carryOut } from './carry-out.ts'
import classes from './flyout.module.css'
import { actionQuery } from './queries.ts'

const words: Readonly<Record<ConflictChoice, { title: string; about: string }>> = {
  leave: { title: 'Leave it as it is', about: 'Nothing more happens. What was taken stays where it is kept.' },
  beside: { title: 'Put it beside', about: 'It is restored under a name of its own, next to what is there now.' },
  replace: {
    title: 'Replace what is there',
    about: 'What is there now goes into the vault first, so that this can be taken back too.',
  },
}

/** What the device found instead of what it had left, and what one may choose (UND2). */
export const ConflictChoices = ({
  row,
  outcome,
}: {
  row: Action
  outcome: Extract<Outcome, { status: 'conflict' }>
}) => {
  const queries = useQueryClient()
  const original = useQuery({ ...actionQuery(row.undoOf ?? ''), enabled: row.undoOf !== null }).data
  const [busy, setBusy] = useState<ConflictChoice | null>(null)
  const [left, setLeft] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const choose = async (choice: ConflictChoice) => {
    if (choice === 'leave') {
      setLeft(true)
      return
    }
    if (original === undefined) return
    setBusy(choice)
    setError(null)
    try {
      const comment = `${words[choice].title}, after a conflict: ${row.comment}`.slice(0, 4_000)
      await carryOut(queries, { deed: 'undo', rows: [original], comment, onConflict: choice, acrossTypes: false })
    } catch (failure) {
      setError(failure)
    } finally {
      setBusy(null)
    }
  }
  const again = original !== undefined && original.undoneBy !== null && original.undoneBy !== row.id
  return (
    <section className={classes.choices}>
      <h3>Somebody changed the place since. Nothing was touched.</h3>
      <p>{visible(outcome.detail)}</p>
      {outcome.drift.length === 0 ? null : (
        <dl className={classes.drift}>
          {outcome.drift.map((it) => (
            <div key={it.what} style={{ display: 'contents' }}>
              <dt>{visible(it.what)}</dt>
              <dd>
                expected {visible(it.expected)}, found {visible(it.found)}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {error === null ? null : <Trouble error={error} />}
      {left ? <p>Left as it is.</p> : null}
      {again || left || row.undoOf === null ? null : (
        <div className={classes.buttons}>
          {outcome.choices.map((choice) => (
            <Button
              key={choice}
              size="xs"
              variant={choice === 'leave' ? 'default' : 'light'}
              loading={busy === choice}
              disabled={busy !== null || (choice !== 'leave' && original === undefined)}
              title={words[choice].about}
              onClick={() => void choose(choice)}
            >
              {words[choice].title}
            </Button>
          ))}
        </div>
      )}
    </section>
  )
}
