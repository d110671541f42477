import { hash } from 'node:crypto'
import type { Selectable, Transaction } from 'kysely'
import { encode } from '../../protocol/codec.ts'
import { type MandateId, newId } from '../../protocol/ids.ts'
import type { Leaf, Mandate, Order } from '../../protocol/mandate.ts'
import { merkleTree } from '../../protocol/merkle.ts'
import type { Signer } from '../keys/signer.ts'
import type { Settings } from '../settings.ts'
import { insertRows } from '../store/rows.ts'
import type { BatchTable, Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import type { ActionRow } from './life.ts'
import { slices } from './slices.ts'

export interface SignedMandate {
  readonly id: MandateId
  /** For each row, in their order. */
  readonly orders: readonly Order[]
}

const day = 86_400_000

/** Until when an order waits for its device (LIFE3); never longer than its effect was to last. */
export const queueExpiry = (at: number, until: number | null, { queueDays }: Pick<Settings, 'queueDays'>): number =>
  Math.min(at + queueDays * day, until ?? Number.POSITIVE_INFINITY)

export interface Decision {
  readonly batch: Selectable<BatchTable>
  readonly rows: readonly ActionRow[]
  readonly decidedBy: readonly string[]
  readonly at: number
  readonly expiresAt: number
}

/** Signs once what was decided for all these rows of one batch (TRU2), and stores it. */
export async function signMandate(
  { keys, source }: Pick<ActionDeps, 'keys' | 'source'>,
  transaction: Transaction<Schema>,
  { batch, rows, decidedBy, at, expiresAt }: Decision,
): Promise<SignedMandate> {
  const leaves: Uint8Array<ArrayBuffer>[] = []
  for await (const some of slices(rows)) for (const row of some) leaves.push(new Uint8Array(encode(leafOf(row))))
  const { root, proofs } = merkleTree(leaves, sha256)
  const id = newId<MandateId>(source)
  const mandate: Mandate = {
    v: 1,
    mandateId: id,
    kind: batch.kind,
    action: batch.action,
    root,
    size: leaves.length,
    comment: batch.comment,
    requestedBy: batch.requested_by,
    decidedBy: [...decidedBy],
    issuedAt: at,
    notBefore: at,
    expiresAt,
    until: rows[0]?.until ?? null,
  }
  const signed = keys.mandate().sign('mandate', encode(mandate))
  const { body, keyId, signature } = signed
  await insertRows(transaction, 'mandate', [{ id, body, key_id: keyId, signature, created_at: at }])
  const orders: Order[] = []
  for await (const some of slices(proofs)) {
    const shares = some.map((it) => {
      const [row, leaf] = [rows[it.index], leaves[it.index]]
      if (row === undefined || leaf === undefined) throw new Error('a proof without its leaf')
      const proof = { ...it, path: [...it.path] }
      orders.push({ mandate: signed, leaf, proof })
      return { action_id: row.id, leaf, proof: encode(proof) }
    })
    await insertRows(transaction, 'order_share', shares)
  }
  return { id, orders }
}

/** Takes back what was signed for these rows: none of it has left. */
export async function unsign(transaction: Transaction<Schema>, rows: readonly ActionRow[]): Promise<void> {
  for await (const some of slices(rows)) {
    const ids = some.map((row) => row.id)
    await transaction.deleteFrom('order_share').where('action_id', 'in', ids).execute()
  }
}

/** Signs the very same bytes with the next key, for orders that no device has confirmed: their old key is about to be retired (TRU4). */
export async function signWaitingAnew(
  transaction: Transaction<Schema>,
  next: Signer,
  previousKeyId: string,
): Promise<void> {
  const waiting = await transaction
    .selectFrom('mandate')
    .select(['id', 'body'])
    .where('key_id', '=', previousKeyId)
    .where('id', 'in', (it) =>
      it
        .selectFrom('action')
        .select('mandate_id')
        .where('status', '=', 'queued')
        .where('mandate_id', 'is not', null)
        .$castTo<{ mandate_id: MandateId }>(),
    )
    .execute()
  for (const { id, body } of waiting) {
    const { keyId, signature } = next.sign('mandate', body)
    await transaction.updateTable('mandate').set({ key_id: keyId, signature }).where('id', '=', id).execute()
  }
}

function leafOf(row: ActionRow): Leaf {
  const head = { v: 1, actionId: row.id, deviceId: row.device_id } as const
  if (row.kind === 'do') return { ...head, kind: 'do', params: JSON.parse(row.params) }
  if (row.undo_of === null) throw new Error('an undo that names no action')
  return { ...head, kind: 'undo', undoOf: row.undo_of, onConflict: row.on_conflict }
}

// Plain bytes rather than a buffer: they go into orders as they are, and one node of the tree is in the proofs of many.
const sha256 = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const { buffer, byteOffset, length } = hash('sha256', bytes, 'buffer')
  return new Uint8Array(buffer, byteOffset, length)
}
