import type { Effect, Status } from '../../../../protocol/status.ts'
import { Icon, type IconName } from '../../ui/icon.tsx'
import classes from './status.module.css'

interface Look {
  readonly word: string
  readonly icon: IconName
  readonly tone: 'wait' | 'move' | 'good' | 'bad' | 'odd' | 'rest'
}

export const statusLooks: Readonly<Record<Status, Look>> = {
  'pending-approval': { word: 'Waiting for approval', icon: 'wait', tone: 'wait' },
  queued: { word: 'Queued', icon: 'queue', tone: 'move' },
  delivered: { word: 'On the device', icon: 'delivered', tone: 'move' },
  running: { word: 'Running', icon: 'running', tone: 'move' },
  succeeded: { word: 'Succeeded', icon: 'good', tone: 'good' },
  failed: { word: 'Failed', icon: 'bad', tone: 'bad' },
  refused: { word: 'Refused by device', icon: 'refused', tone: 'bad' },
  conflict: { word: 'Needs a choice', icon: 'conflict', tone: 'odd' },
  rejected: { word: 'Rejected', icon: 'refused', tone: 'rest' },
  expired: { word: 'Expired', icon: 'expired', tone: 'rest' },
  cancelled: { word: 'Cancelled', icon: 'cancelled', tone: 'rest' },
}

/** Picture and word; the tone only repeats what they say. */
export const StatusMark = ({ status }: { status: Status }) => {
  const { word, icon, tone } = statusLooks[status]
  return (
    <span className={classes.mark} data-tone={tone}>
      <Icon name={icon} size={16} />
      <span>{word}</span>
    </span>
  )
}

const effectWords: Readonly<Record<Effect, string>> = {
  none: '',
  'in-force': 'In force',
  reverted: 'Taken back',
  lapsed: 'Lapsed',
  unknown: 'Not proven',
  purged: 'Purged',
}

export const effectWord = (effect: Effect): string => effectWords[effect]

/** Whether what it did holds now; nothing where it did nothing that could. */
export const EffectMark = ({ effect }: { effect: Effect }) =>
  effect === 'none' ? null : (
    <span className={classes.effect} data-effect={effect}>
      <Icon name={effect === 'in-force' ? 'held' : effect === 'unknown' ? 'warning' : 'undo'} size={14} />
      {effectWords[effect]}
    </span>
  )

const riskWords = { safe: 'Safe', disruptive: 'Disruptive', destructive: 'Destructive' } as const

export const RiskMark = ({ risk }: { risk: keyof typeof riskWords }) => (
  <span className={classes.risk} data-risk={risk}>
    {riskWords[risk]}
  </span>
)
