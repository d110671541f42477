import { specOf } from '../../../../protocol/actions/index.ts'
import { capital } from '../../app/problem.ts'
import { visible } from '../../ui/plain-text.tsx'
import { sources } from '../actions/action.ts'
import { statusLooks } from '../actions/status.tsx'
import type { NotificationRule } from './queries.ts'

/** Statuses that somebody can be told of, in the order in which they come. */
export const toldStatuses = [
  'pending-approval',
  'queued',
  'succeeded',
  'failed',
  'refused',
  'conflict',
  'rejected',
  'expired',
  'cancelled',
] as const

const some = (named: readonly string[] | undefined, all: string): string => named?.join(' or ') ?? all

/** A rule as one sentence. */
export function ruleInWords({ filter }: NotificationRule, groups: ReadonlyMap<string, string>): string {
  const statuses = filter.statuses.map((it) => statusLooks[it].word.toLowerCase())
  const actions = some(
    filter.actions?.map((it) => specOf(it).title.toLowerCase()),
    'any action',
  )
  const kinds = filter.kinds?.length === 1 ? (filter.kinds[0] === 'undo' ? ' taken back' : ', not taken back,') : ''
  const from =
    filter.sources === undefined
      ? ''
      : `, ${some(
          filter.sources.map((it) => (sources[it] ?? it).toLowerCase()),
          '',
        )}`
  const where =
    filter.groups === undefined
      ? ''
      : `, in ${some(
          filter.groups.map((it) => visible(groups.get(it) ?? 'a group that is gone')),
          '',
        )}`
  return `${capital(actions)}${kinds}${from}${where}: ${statuses.join(', ')}`
}
