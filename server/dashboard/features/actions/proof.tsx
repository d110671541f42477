import { meaningOf } from '../../app/problem.ts'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { When } from '../../ui/time.tsx'
import type { Action } from './action.ts'
import classes from './flyout.module.css'

/** What the device observed: proof that it holds, or why it did not come to it. */
export const Proof = ({ row: { outcome } }: { row: Action }) => {
  if (outcome === null) return null
  const evidence = 'evidence' in outcome ? outcome.evidence : []
  const gaps = outcome.status === 'succeeded' ? outcome.gaps : []
  return (
    <section className={classes.section}>
      <h3>{outcome.status === 'succeeded' ? 'Proof' : 'What the device says'}</h3>
      {'code' in outcome ? (
        <p>
          {meaningOf(outcome.code)}{' '}
          {outcome.detail === '' ? null : <span className={classes.quiet}>{visible(outcome.detail)} </span>}
          <code className={classes.quiet}>{outcome.code}</code>
        </p>
      ) : null}
      {evidence.length === 0 ? null : (
        <ul className={classes.list}>
          {evidence.map((it) => (
            <li key={`${it.subject} ${it.found} ${it.at}`}>
              <span className={it.holds ? classes.good : classes.bad}>
                <Icon name={it.holds ? 'good' : 'bad'} size={16} />
              </span>
              <span>
                <strong>{visible(it.subject)}</strong>: {visible(it.found)}{' '}
                <span className={classes.quiet}>
                  (<When at={it.at} />)
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
      {gaps.length === 0 ? null : (
        <>
          <p className={classes.quiet}>What could not be done exactly:</p>
          <ul className={classes.list}>
            {gaps.map((it) => (
              <li key={it.what}>
                <span className={classes.warn}>
                  <Icon name="warning" size={16} />
                </span>
                <span>
                  <strong>{visible(it.what)}</strong>: {visible(it.why)}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}
