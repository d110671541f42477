import type { IconName } from '../../ui/icon.tsx'
import { Icon } from '../../ui/icon.tsx'
import { visible } from '../../ui/plain-text.tsx'
import { span, When } from '../../ui/time.tsx'
import type { Action } from './action.ts'
import classes from './flyout.module.css'
import { effectWord, statusLooks } from './status.tsx'

interface Step {
  readonly key: string
  readonly words: string
  readonly icon: IconName
  readonly at: number | null
  /** The device's own clock said this. */
  readonly byDevice?: boolean
  readonly ahead?: boolean
}

/** From the request to the proof, with the time each step took. */
export const Timeline = ({ row }: { row: Action }) => {
  const steps = stepsOf(row)
  return (
    <section className={classes.section}>
      <h3>Timeline</h3>
      <ol className={classes.line}>
        {steps.map((step, at) => {
          const before = steps.slice(0, at).findLast((it) => it.at !== null)?.at ?? null
          return (
            <li key={step.key} className={classes.step} data-ahead={step.ahead || undefined}>
              <span className={classes.dot}>
                <Icon name={step.icon} size={17} />
              </span>
              <span>
                {step.words}
                {step.byDevice ? <span className={classes.took}>by the clock of the device</span> : null}
              </span>
              <span className={classes.stepWhen}>
                {step.at === null ? null : <When at={step.at} />}
                {step.at !== null && before !== null && step.at >= before ? (
                  <span className={classes.took}>after {span(step.at - before)}</span>
                ) : null}
              </span>
            </li>
          )
        })}
      </ol>
    </section>
  )
}

function stepsOf(row: Action): readonly Step[] {
  const steps: Step[] = [
    { key: 'asked', words: `Asked by ${visible(row.requestedBy)}`, icon: 'person', at: row.createdAt },
  ]
  const decided = row.status === 'rejected' ? 'Rejected' : 'Approved'
  if (row.decidedAt !== null) {
    steps.push({
      key: 'decided',
      words: `${decided} by ${visible(row.decidedBy ?? 'the rules')}`,
      icon: row.status === 'rejected' ? 'refused' : 'check',
      at: row.decidedAt,
    })
  }
  const add = (key: string, at: number | null, words: string, later: string, icon: IconName) => {
    if (at !== null) steps.push({ key, words, icon, at })
    else if (row.endedAt === null) steps.push({ key, words: later, icon, at: null, ahead: true })
  }
  if (row.decidedAt === null) add('decide', null, '', 'Somebody decides', 'check')
  add('sent', row.sentAt, 'Sent to the device', 'Sent to the device', 'queue')
  add('delivered', row.deliveredAt, 'Stored on the device', 'Stored on the device', 'delivered')
  add('begun', row.begunAt, 'Begun', 'Carried out', 'running')
  if (row.cancel !== null) steps.push({ key: 'cancel', words: cancelWords(row), icon: 'cancelled', at: row.cancel.at })
  if (row.endedAt !== null && row.status !== 'rejected') {
    steps.push({ key: 'ended', words: endWords(row), icon: statusLooks[row.status].icon, at: row.endedAt })
  } else if (row.endedAt === null) steps.push({ key: 'end', words: 'Verified', icon: 'good', at: null, ahead: true })
  if (row.provedAt !== null && row.effect !== 'none') {
    steps.push({
      key: 'proved',
      words: row.effect === 'in-force' ? 'Last proved to be in force' : effectWord(row.effect),
      icon: row.effect === 'in-force' ? 'held' : 'undo',
      at: row.provedAt,
      byDevice: true,
    })
  }
  return steps
}

const cancelWords = ({ cancel }: Action): string => {
  const by = visible(cancel?.by ?? '')
  switch (cancel?.answer) {
    case 'waiting':
      return `${by} asked the device to stop; it has not answered yet`
    case 'too-late':
      return `${by} asked it to stop; the device answered that it was too late`
    case 'ended':
      return `${by} asked it to stop; it had ended before`
    default:
      return `Cancelled by ${by}`
  }
}

const endWords = ({ status, outcome }: Action): string => {
  const word = statusLooks[status].word
  return outcome?.status === 'succeeded' && outcome.summary !== '' ? `${word}: ${visible(outcome.summary)}` : word
}
