import { queryOptions } from '@tanstack/react-query'
import { get } from '../../app/api.ts'

export type Level = 'full' | 'semi-any' | 'semi-core' | 'semi-non-temp' | 'none'

export interface RuleRow {
  readonly property: 'name' | 'domain' | 'tag' | 'platform'
  readonly operator: 'equals' | 'starts-with' | 'ends-with' | 'contains'
  readonly value: string
}

export interface Group {
  readonly id: string
  readonly name: string
  /** 1 is looked at first; null for the default group, which is last. */
  readonly rank: number | null
  readonly isDefault: boolean
  readonly rule: readonly RuleRow[]
  readonly level: Level
  readonly visibleTo: readonly string[] | null
  readonly devices: number
  readonly revision: number
}

export interface Groups {
  readonly groups: readonly Group[]
  readonly levels: Readonly<Record<Level, string>>
}

export interface MatchPreview {
  readonly matches: number
  readonly joins: number
  readonly devices: readonly { readonly id: string; readonly name: string; readonly joins: boolean }[]
}

export const groupsQuery = queryOptions({
  queryKey: ['group', 'list'],
  queryFn: ({ signal }) => get<Groups>('/v1/groups', undefined, signal),
})

/** What a level means for what was found malicious; for all else they are alike. */
export const levelMeans: Readonly<Record<Level, string>> = {
  full: 'What is malicious is acted on at once, wherever it lies; no person is asked.',
  'semi-any': 'Nothing is done without a person: whatever is malicious waits for approval.',
  'semi-core':
    'What is malicious is acted on at once, but below core folders it waits for approval. So does what has no known place.',
  'semi-non-temp':
    'What is malicious is acted on at once only below temporary folders; anywhere else it waits for approval.',
  none: 'Nothing is investigated, proposed or done. Alerts are kept, and people can still act by hand.',
}

/** The same under every level but the last. */
export const levelsAlike =
  'What is suspicious always waits for a person, and where no threat was found nothing is done.'

export const properties = [
  { value: 'name', label: 'name' },
  { value: 'domain', label: 'domain' },
  { value: 'tag', label: 'tag' },
  { value: 'platform', label: 'platform' },
]
export const operators = [
  { value: 'equals', label: 'is' },
  { value: 'starts-with', label: 'starts with' },
  { value: 'ends-with', label: 'ends with' },
  { value: 'contains', label: 'contains' },
]

/** A rule as a sentence: rows on one property are alternatives, different properties must all agree. */
export function ruleWords(rule: readonly RuleRow[]): string {
  const byProperty = Map.groupBy(rule, (it) => it.property)
  return [...byProperty]
    .map(([property, rows]) =>
      rows
        .map(
          (row, at) =>
            `${at === 0 ? `${property} ` : ''}${operators.find((it) => it.value === row.operator)?.label ?? ''} “${row.value}”`,
        )
        .join(' or '),
    )
    .join(', and ')
}
