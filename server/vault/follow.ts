import type { Transaction } from 'kysely'
import type * as z from 'zod'
import { catalogue } from '../../protocol/actions/index.ts'
import { type ActionId, actionId, type DeviceId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Effect } from '../../protocol/status.ts'
import type { ActionRow } from '../actions/life.ts'
import { prepare } from '../store/prepared.ts'
import type { Schema } from '../store/schema.ts'
import type { VaultItemTable, VaultState } from '../store/vault-schema.ts'

/**
 * Keeps the list of what lies in the vaults in step with the actions, in the transaction of each step of their lives (VLT6).
 *
 * INVARIANTS
 * - An item is in the list from the moment its device has said that it holds it, and stays there as history until its action is
 *   forgotten.
 * - Where and what a quarantine took is what was ordered; a device adds only how large it is. Of what an undo displaced, the device's
 *   word is all there is.
 */
export async function followVault(transaction: Transaction<Schema>, moved: readonly ActionRow[]): Promise<void> {
  await item.many(
    transaction,
    moved.flatMap((row) => {
      const state = row.action === 'quarantine-file' ? stateOf(row.effect) : null
      return state === null ? [] : [itemOf(row, state)]
    }),
  )
  await nameWhoEnded.many(
    transaction,
    moved.flatMap((row) => {
      const ended = row.status === 'succeeded' ? endedBy(row) : null
      return ended === null ? [] : [{ ended, device: row.device_id, by: row.id }]
    }),
  )
}

function stateOf(effect: Effect): VaultState | null {
  switch (effect) {
    case 'none':
      return null
    case 'in-force':
      return 'held'
    case 'unknown':
      return 'unsure'
    case 'reverted':
    case 'lapsed':
      return 'restored'
    case 'purged':
      return 'purged'
  }
}

type Item = Omit<VaultItemTable, 'gone_by'>

const itemOf = (row: ActionRow, state: VaultState): Item => ({
  action_id: row.id,
  device_id: row.device_id,
  ...fileOf(row),
  taken_at: row.ended_at ?? row.created_at,
  state,
  gone_at: state === 'restored' || state === 'purged' ? row.proved_at : null,
})

const item = prepare<Item, unknown>((db, slot) => {
  const standing = { state: slot('state'), gone_at: slot('gone_at') }
  const file = { path: slot('path'), sha256: slot('sha256'), size_bytes: slot('size_bytes') }
  const whose = { action_id: slot('action_id'), device_id: slot('device_id'), taken_at: slot('taken_at') }
  return db
    .insertInto('vault_item')
    .values({ ...whose, ...file, ...standing, gone_by: null })
    .onConflict((it) => it.column('action_id').doUpdateSet(standing))
})

type Ordered = z.infer<(typeof catalogue)['quarantine-file']['params']>

function fileOf(row: ActionRow): { path: string; sha256: string | null; size_bytes: number | null } {
  const said = saidFile(row)
  if (row.kind === 'undo')
    return { path: row.target_label, sha256: said?.sha256 ?? null, size_bytes: said?.sizeBytes ?? null }
  // Written only after it was held to its schema, when somebody asked for it.
  const { path, sha256 }: Ordered = JSON.parse(row.params)
  return { path, sha256, size_bytes: said?.sha256 === sha256 ? said.sizeBytes : null }
}

/** The file that the device says its vault holds. */
function saidFile(row: ActionRow) {
  if (row.outcome === null) return null
  // Written only after it was held to its schema, when the device said it.
  const said: Outcome = JSON.parse(row.outcome)
  if (!('evidence' in said)) return null
  return said.evidence.find(({ subject, file }) => subject === 'vault' && file !== undefined)?.file ?? null
}

/** The item that an undo or a purge which has succeeded was about. */
function endedBy(row: ActionRow): ActionId | null {
  if (row.kind === 'undo') return row.action === 'quarantine-file' ? row.undo_of : null
  if (row.action !== 'purge-quarantine') return null
  return actionId.parse(catalogue['purge-quarantine'].params.parse(JSON.parse(row.params)).quarantine)
}

/** The device tells of the deed and of the end of the item one after the other, in whatever order they are written down here. */
const nameWhoEnded = prepare<{ ended: ActionId; device: DeviceId; by: ActionId }, unknown>((db, slot) =>
  db
    .updateTable('vault_item')
    .set({ gone_by: slot('by') })
    .where('action_id', '=', slot('ended'))
    .where('device_id', '=', slot('device'))
    .where('gone_by', 'is', null),
)
