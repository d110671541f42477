import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { visible } from '../../ui/plain-text.tsx'
import { decisionsQuery } from '../investigations/investigation.ts'
import { VerdictMark } from '../investigations/looks.tsx'
import type { Action } from './action.ts'
import classes from './flyout.module.css'

/** What automation decided that led to this action: the verdict, the rule that matched, and the sentence for it. */
export const Why = ({ row }: { row: Action }) => {
  const { data } = useQuery({ ...decisionsQuery(row.id), enabled: row.source === 'automated-device-action' })
  const decision = data?.[0]
  if (decision === undefined) return null
  return (
    <section className={classes.section}>
      <h3>Why it was proposed</h3>
      <p>
        <VerdictMark verdict={decision.verdict} />
      </p>
      <p>{visible(decision.sentence)}</p>
      <p className={classes.quiet}>
        Group {visible(decision.group)}, rule <code>{decision.rule}</code>.{' '}
        <Link to="/investigations/$id" params={{ id: decision.investigation }}>
          Open investigation
        </Link>
      </p>
    </section>
  )
}
