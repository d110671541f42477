import { queryOptions } from '@tanstack/react-query'
import type { DeviceFacts, InForceEntry } from '../../../../protocol/messages.ts'
import { get } from '../../app/api.ts'

/** A device as the API shows it. Text in names and facts comes from the device: data, never markup. */
export interface Device {
  readonly id: string
  readonly name: string
  readonly platform: 'linux' | 'windows'
  readonly status: 'active' | 'revoked' | 'offboarded'
  readonly group: string
  readonly tags: readonly string[]
  readonly facts: DeviceFacts
  readonly enrolledAt: number
  readonly lastSeenAt: number | null
  readonly connected: boolean
  readonly simulated: boolean
  readonly inForce: readonly InForceEntry[]
  readonly inForceAt: number | null
  readonly certificateExpiresAt: number | null
}

interface DevicePage {
  readonly devices: readonly Device[]
  readonly next: string | null
}

const pageSize = 200
const mostPages = 50

/** All devices. Read page by page; ten thousand are fifty pages, and what the list is filtered by is looked at here. */
export const devicesQuery = queryOptions({
  queryKey: ['devices', 'all'],
  queryFn: async ({ signal }): Promise<readonly Device[]> => {
    const all: Device[] = []
    let after: string | null = null
    for (let page = 0; page < mostPages; page++) {
      const answer: DevicePage = await get<DevicePage>('/v1/devices', { after, limit: pageSize }, signal)
      all.push(...answer.devices)
      after = answer.next
      if (after === null) break
    }
    return all
  },
  staleTime: 30_000,
})

export const deviceQuery = (id: string) =>
  queryOptions({
    queryKey: ['devices', 'one', id],
    queryFn: ({ signal }) => get<Device>(`/v1/devices/${id}`, undefined, signal),
  })
