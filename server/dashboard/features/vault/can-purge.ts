import type { Me } from '../../app/session.ts'
import type { VaultItem } from './vault.ts'

/** Why this person cannot ask for it now, as a sentence; null where they can. The API has the last word. */
export function obstacleToPurge(item: VaultItem, me: Me | null): string | null {
  if (me?.permissions.includes('respond:purge-quarantine') !== true) return 'Your role does not let you ask for this.'
  if (item.state === 'purged') return 'It was purged already.'
  if (item.state === 'restored') return 'It was put back, and is not in the vault any more.'
  if (item.waiting?.deed === 'purge') return 'Somebody has asked for it already.'
  return item.sha256 === null ? 'Its agent has not said what it holds.' : null
}

/** The same for a copy of it. */
export function obstacleToCollect(item: VaultItem, me: Me | null): string | null {
  if (me?.permissions.includes('respond:collect-quarantined') !== true)
    return 'Your role does not let you ask for this.'
  if (item.state === 'purged') return 'It was purged; nothing is left to copy.'
  if (item.state === 'restored') return 'It was put back, and is not in the vault any more.'
  if (item.waiting?.deed === 'collect') return 'Somebody has asked for it already.'
  return item.sha256 === null ? 'Its agent has not said what it holds.' : null
}
