import { queryOptions } from '@tanstack/react-query'
import { get } from '../../app/api.ts'

export interface Person {
  readonly id: string
  readonly name: string
  readonly role: 'viewer' | 'responder' | 'administrator'
  readonly disabled: boolean
  readonly createdAt: number
}

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: async ({ signal }) => (await get<{ items: readonly Person[] }>('/v1/people', undefined, signal)).items,
  staleTime: 60_000,
})
