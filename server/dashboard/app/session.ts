import { queryOptions, useQuery } from '@tanstack/react-query'
import { get, send } from './api.ts'
import { Problem } from './problem.ts'

/** Who is signed in, and what they may do. */
export interface Me {
  readonly id: string
  readonly name: string
  readonly permissions: readonly string[]
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      return await get<Me>('/v1/me', undefined, signal)
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null
      throw error
    }
  },
  staleTime: 60_000,
})

export const useMe = (): Me | null => useQuery(sessionQuery).data ?? null

/** Whether the person may; the API refuses all the same, a hidden button is only a courtesy (ACC3). */
export const useMay = (): ((permission: string) => boolean) => {
  const me = useMe()
  return (permission) => me?.permissions.includes(permission) ?? false
}

export const signIn = (name: string, password: string): Promise<unknown> =>
  send('POST', '/v1/sign-in', { name, password })
export const signOut = (): Promise<unknown> => send('POST', '/v1/sign-out')
