import type { ActionId, DeviceId } from '../../protocol/ids.ts'

export interface VaultSchema {
  vault_item: VaultItemTable
}

/** A file that a device has, or had, in its vault. Written by vault/follow.ts alone. */
export interface VaultItemTable {
  /** The quarantine, or the undo that displaced it. */
  action_id: ActionId
  device_id: DeviceId
  /** Where it stood. */
  path: string
  /** Null where no agent has said: a file that an undo displaced, taken by an older agent. */
  sha256: string | null
  size_bytes: number | null
  taken_at: number
  /** `unsure`: the device no longer proves that it holds it. */
  state: VaultState
  gone_at: number | null
  /** The undo or the purge; null where the device did it by itself: a limit ran out, or somebody used a code on it. */
  gone_by: ActionId | null
}

export const vaultStates = ['held', 'unsure', 'restored', 'purged'] as const
export type VaultState = (typeof vaultStates)[number]
