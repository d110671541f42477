import { queryOptions } from '@tanstack/react-query'
import { get } from '../../app/api.ts'

export interface Person {
  readonly id: string
  readonly name: string
  /** One of the three that are always there, or one that an administrator made. */
  readonly role: string
  readonly disabled: boolean
  readonly createdAt: number
}

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: async ({ signal }) => (await get<{ items: readonly Person[] }>('/v1/people', undefined, signal)).items,
  staleTime: 60_000,
})

const builtIn: Readonly<Record<string, string>> = {
  viewer: 'Viewer: looks, changes nothing',
  responder: 'Responder: asks for and decides on actions',
  administrator: 'Administrator: everything',
}

/** The roles one can give, with words for those that are always there. */
export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: async ({ signal }) => {
    const { roles } = await get<{ roles: readonly { readonly name: string }[] }>('/v1/roles', undefined, signal)
    return roles.map(({ name }) => ({ value: name, label: builtIn[name] ?? name }))
  },
})
