import type { Kysely, Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { catalogue } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { type ActionId, actionId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { type Requested, requestActions } from '../actions/request.ts'
import { requestUndo, undoWish } from '../actions/undo.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import { readSettings } from '../settings.ts'
import type { Schema } from '../store/schema.ts'
import type { VaultItemTable } from '../store/vault-schema.ts'
import { itemFilter, matching } from './filter.ts'

/** As many as one request takes. */
const mostItems = 1_000

/** Which items: by the actions that took them, or by a filter that is resolved to them when it is asked. Never all by saying nothing (LIFE9). */
const chosen = {
  items: z.array(actionId).min(1, 'name an item; none never means all').max(mostItems).optional(),
  filter: itemFilter
    .refine((it) => Object.values(it).some((value) => value !== undefined), 'an empty filter never means all')
    .optional(),
}
const oneOfThem = ({ items, filter }: { items?: unknown; filter?: unknown }) =>
  (items === undefined) !== (filter === undefined)
const sayOne = 'say either items or filter'

/** For a purge and for a copy alike. */
export const purgeWish = z
  .strictObject({ ...chosen, comment, approve: z.boolean().default(false) })
  .refine(oneOfThem, sayOne)
export const restoreWish = z
  .strictObject({ ...chosen, comment, approve: z.boolean().default(false), onConflict: undoWish.shape.onConflict })
  .refine(oneOfThem, sayOne)

type Item = Selectable<VaultItemTable>

/** Asks for the chosen items to be put back: an undo of each of the actions that took them. */
export async function requestRestore(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  { comment: why, approve, onConflict, ...wanted }: z.infer<typeof restoreWish>,
): Promise<Requested[]> {
  const items = await resolve(seenBy(transaction, caller), deps.source.nowMs(), wanted)
  const actions = items.map((item) => item.action_id)
  return requestUndo(deps, transaction, caller, { actions, comment: why, approve, onConflict, acrossTypes: false })
}

/** Asks for the chosen items to be destroyed, each by an action that names it: what is approved is what is purged. */
export const requestPurge = (
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wish: z.infer<typeof purgeWish>,
): Promise<Requested[]> => requestOfEach(deps, transaction, caller, wish, 'purge-quarantine')

/** Asks for copies of the chosen items, each by an action that names it. RecourseError `content_too_large` where that is known before. */
export const requestCollect = (
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wish: z.infer<typeof purgeWish>,
): Promise<Requested[]> => requestOfEach(deps, transaction, caller, wish, 'collect-quarantined')

async function requestOfEach(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  { comment: why, approve, ...wanted }: z.infer<typeof purgeWish>,
  action: 'purge-quarantine' | 'collect-quarantined',
): Promise<Requested[]> {
  const items = await resolve(seenBy(transaction, caller), deps.source.nowMs(), wanted)
  const mostBytes = (await readSettings(transaction)).collectMebibytes * 1_048_576
  const targets = items.map((item) => {
    mustBeHeld(item)
    const { action_id: quarantine, path, sha256, size_bytes: size } = item
    const params = catalogue[action].params.safeParse({ quarantine, path, sha256 })
    if (!params.success) throw new RecourseError('request_invalid', `${path}: its agent has not said what it holds`)
    if (action === 'collect-quarantined' && (size ?? 0) > mostBytes)
      throw new RecourseError('content_too_large', `${path} has ${size} bytes; ${mostBytes} are taken in`)
    return { devices: [item.device_id], params: params.data }
  })
  return requestActions(deps, transaction, caller, {
    action,
    targets,
    comment: why,
    source: 'manual-device-action',
    approve,
  })
}

function mustBeHeld({ state, path }: Item): void {
  switch (state) {
    case 'held':
    case 'unsure':
      return
    case 'purged':
      throw new RecourseError('purged', `${path} was purged already`)
    case 'restored':
      throw new RecourseError('transition_illegal', `${path} was put back; it is not in the vault any more`)
  }
}

async function resolve(
  seen: Kysely<Schema>,
  now: number,
  { items, filter }: Pick<z.infer<typeof purgeWish>, 'items' | 'filter'>,
): Promise<Item[]> {
  if (items !== undefined) return byName(seen, items)
  const rows = await seen
    .selectFrom('vault_item')
    .selectAll()
    .where((it) => matching(it, now, { ...filter, state: 'in-vault' }))
    .orderBy('taken_at')
    .orderBy('action_id')
    .limit(mostItems + 1)
    .execute()
  if (rows.length === 0) throw new RecourseError('request_invalid', 'nothing in the vaults matches')
  if (rows.length > mostItems)
    throw new RecourseError('request_invalid', `more than ${mostItems} files match; narrow it and ask again`)
  return rows
}

async function byName(seen: Kysely<Schema>, ids: readonly ActionId[]): Promise<Item[]> {
  const rows = await seen
    .selectFrom('vault_item')
    .selectAll()
    .where('action_id', 'in', [...new Set(ids)])
    .execute()
  const byId = new Map(rows.map((row) => [row.action_id, row]))
  return [...new Set(ids)].map((id) => {
    const row = byId.get(id)
    if (row === undefined) throw new RecourseError('not_found', `there is no vault item ${id}`)
    return row
  })
}
