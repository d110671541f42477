import type { VaultSearch } from './search.ts'

/** Puts something else into the address. */
export type Change = (next: { readonly [name in keyof VaultSearch]: VaultSearch[name] | undefined }) => void

/** What one can do with what lies in a vault. */
export type VaultDeed = 'restore' | 'purge' | 'collect'

export interface ListProps {
  readonly search: VaultSearch
  readonly change: Change
  readonly narrow: boolean
}

/** Why a list that is not all here is not sorted. */
export const tooLong =
  'Last taken first: not all of this list is loaded. With filters that leave less, every head sorts.'

/** Under which the keys of this page are listed. */
export const group = 'Vault'
