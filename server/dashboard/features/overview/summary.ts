import { queryOptions } from '@tanstack/react-query'
import { get } from '../../app/api.ts'
import { span } from '../../ui/time.tsx'

/** What `GET /v1/summary` answers. */
export interface Summary {
  readonly pending: { readonly count: number; readonly oldestAt: number | null; readonly expireWithinADay: number }
  readonly inForce: { readonly total: number; readonly unproven: number }
  readonly conflicts: number
  readonly failures: number
  readonly outcomes: {
    readonly succeeded: number
    readonly failed: number
    readonly refused: number
    readonly conflict: number
  }
  readonly undone: number
  readonly timeToDecide: { readonly median: number; readonly slowest10: number } | null
  readonly days: readonly {
    readonly start: number
    readonly asked: number
    readonly approved: number
    readonly rejected: number
    readonly undone: number
    readonly decideMs: number | null
  }[]
  readonly complete: boolean
  readonly presence: readonly { readonly at: number; readonly active: number; readonly connected: number }[]
  readonly devices: { readonly active: number; readonly connected: number; readonly isolated: number }
}

export const windowDays = 30

export const summaryQuery = queryOptions({
  queryKey: ['actions', 'summary'],
  queryFn: ({ signal }) =>
    get<Summary>('/v1/summary', { days: windowDays, offset: -new Date().getTimezoneOffset() }, signal),
  refetchInterval: 60_000,
})

/** How long decisions took, in the words of both pictures that show it. */
export const decideWords = ({ median, slowest10 }: NonNullable<Summary['timeToDecide']>): string =>
  `half within ${span(median)}, nine in ten within ${span(slowest10)}`
