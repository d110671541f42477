import type { Me } from '../../app/session.ts'
import type { VaultItem } from './vault.ts'

/** What one can ask for about a file in a vault, beside putting it back. */
export type Wanted = 'purge' | 'collect'

/** The action that each of them is. */
export const actionFor = {
  purge: 'purge-quarantine',
  collect: 'collect-quarantined',
} as const satisfies Record<Wanted, string>

/** Why this person cannot ask for it now, as a sentence; null where they can. The API has the last word. */
export function obstacleTo(wanted: Wanted, item: VaultItem, me: Me | null): string | null {
  if (me?.permissions.includes(`respond:${actionFor[wanted]}`) !== true)
    return 'Your role does not let you ask for this.'
  if (item.state === 'purged') return 'It was purged; nothing of it is left.'
  if (item.state === 'restored') return 'It was put back, and is not in the vault any more.'
  if (item.waiting?.deed === wanted) return 'Somebody has asked for it already.'
  return item.sha256 === null ? 'Its agent has not said what it holds.' : null
}
