import { Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ComponentType } from 'react'
import { Trouble } from '../../ui/screens.tsx'
import { type Settings, settingsQuery } from './queries.ts'

/** A part of the page that cannot be drawn before the settings are there. */
export const WithSettings = ({ Body }: { Body: ComponentType<{ settings: Settings }> }) => {
  const { data, error, refetch } = useQuery(settingsQuery)
  if (data !== undefined) return <Body settings={data} />
  return error === null ? (
    <Skeleton height={320} aria-label="Loading" />
  ) : (
    <Trouble error={error} retry={() => void refetch()} />
  )
}
