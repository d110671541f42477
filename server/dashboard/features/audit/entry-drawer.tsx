import { Drawer } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { visible } from '../../ui/plain-text.tsx'
import { When } from '../../ui/time.tsx'
import classes from './audit.module.css'
import { deedOf, type Entry } from './entry-words.ts'

/** One entry, as it was recorded. */
export const EntryDrawer = ({ entry, who, close }: { entry: Entry; who: string; close: () => void }) => {
  const actions = Array.isArray(entry.body.actions) ? entry.body.actions.filter((it) => typeof it === 'string') : []
  return (
    <Drawer
      opened
      onClose={close}
      position="right"
      size={520}
      title={`Entry ${entry.sequence}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <p>
        <strong>{who}</strong> {deedOf(entry)}
      </p>
      <dl className={classes.facts}>
        <dt>When</dt>
        <dd>
          <When at={entry.at} exact />
        </dd>
        <dt>Kind</dt>
        <dd>
          <code>{entry.kind}</code>
        </dd>
        <dt>Hash</dt>
        <dd>
          <code>{entry.hash}</code>
        </dd>
        {actions.length === 0 ? null : (
          <>
            <dt>Actions</dt>
            <dd>
              {actions.slice(0, 10).map((id) => (
                <div key={id}>
                  <Link
                    to="/actions/$view"
                    params={{ view: 'history' }}
                    search={{ action: id, window: 'six-months' } as never}
                    onClick={close}
                  >
                    …{id.slice(-12)}
                  </Link>
                </div>
              ))}
              {actions.length > 10 ? `and ${actions.length - 10} more` : null}
            </dd>
          </>
        )}
      </dl>
      <pre className={classes.body}>{visible(JSON.stringify(entry.body, null, 1)).replaceAll('\\n', '\n')}</pre>
    </Drawer>
  )
}
