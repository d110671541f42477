import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { EmptyState } from '../../ui/screens.tsx'
import type { VaultSearch } from './search.ts'

/** An empty list says what a vault is, or which filter to take away. */
export const Nothing = ({ search }: { search: VaultSearch }) => {
  const { by: _, ...filter } = search
  if (Object.keys(filter).length > 0)
    return (
      <EmptyState icon="filter" title="No file fits these filters">
        Take one of them away. “Everything” shows files that were put back or purged, too.
      </EmptyState>
    )
  return (
    <EmptyState
      icon="vault"
      title="The vaults are empty"
      action={
        <Button component={Link} to="/devices" variant="default">
          Choose a device to respond on
        </Button>
      }
    >
      A quarantined file moves into the vault of its device, where nothing can run or read it. It stays there, sealed,
      until somebody puts it back exactly as it was, or purges it for good. Neither happens by itself.
    </EmptyState>
  )
}
