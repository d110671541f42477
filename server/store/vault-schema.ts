import type { ActionId, DeviceId } from '../../protocol/ids.ts'

export interface VaultSchema {
  vault_item: VaultItemTable
  collected_file: CollectedFileTable
}

/** A copy of a quarantined file that the control plane has taken in whole. Written by vault/collected/ alone. */
export interface CollectedFileTable {
  /** The action that brought it; its file bears this name. */
  action_id: ActionId
  device_id: DeviceId
  quarantine_id: ActionId
  sha256: string
  size_bytes: number
  here_at: number
  /** When its bytes were deleted. */
  gone_at: number | null
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
