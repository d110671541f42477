import { queryOptions } from '@tanstack/react-query'
import { get } from '../../app/api.ts'

/** The rules in force, as `GET /v1/settings` has them. */
export interface Settings {
  readonly separationOfDuties: boolean
  readonly destructiveApprovals: 1 | 2
  readonly approvalDays: number
  readonly queueDays: number
  readonly historyDays: number
  readonly batchLimit: number
}

export const settingsQuery = queryOptions({
  queryKey: ['setting'],
  queryFn: ({ signal }) => get<Settings>('/v1/settings', undefined, signal),
  staleTime: 300_000,
})
