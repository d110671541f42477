import type { Kysely, Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import { RecourseError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/file-record.ts'
import { deviceGroupId, deviceId, type ExclusionId, exclusionId, newId } from '../../protocol/ids.ts'
import { comment } from '../../protocol/mandate.ts'
import { timeMs } from '../../protocol/outcome.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { folderPattern } from '../decisions/folders.ts'
import { reconsiderOpen } from '../investigations/reconsider.ts'
import { appendEvents } from '../live/feed.ts'
import { actorOf, type Caller } from '../people/permissions.ts'
import type { ExclusionTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'

export type ExclusionRow = Selectable<ExclusionTable>

const mostExclusions = 5_000
const head = { group: deviceGroupId.nullable().default(null).describe('One group; null for every group'), comment }

/** A device, a folder with all below it, or a content that is never acted on without a person. */
export const exclusionWish = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('device'), value: deviceId, ...head }),
  z.strictObject({ kind: z.literal('folder'), value: folderPattern, ...head }),
  z.strictObject({ kind: z.literal('sha256'), value: sha256, ...head }),
])

export const exclusionView = z
  .strictObject({
    id: exclusionId,
    group: deviceGroupId.nullable(),
    kind: z.enum(['device', 'folder', 'sha256']),
    value: z.string(),
    comment: z.string(),
    createdBy: z.string(),
    createdAt: timeMs,
  })
  .meta({ id: 'Exclusion' })

const viewOf = (row: ExclusionRow): z.infer<typeof exclusionView> => ({
  id: row.id,
  group: row.group_id,
  kind: row.kind,
  value: row.value,
  comment: row.comment,
  createdBy: row.created_by,
  createdAt: row.created_at,
})

export async function viewExclusions(db: Kysely<Schema>): Promise<z.infer<typeof exclusionView>[]> {
  const rows = await db.selectFrom('exclusion').selectAll().orderBy('created_at').orderBy('id').execute()
  return rows.map(viewOf)
}

/** Adds an exclusion; what is asked about and not decided yet is looked at again. The same one twice is one. */
export async function addExclusion(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  wanted: z.infer<typeof exclusionWish>,
): Promise<{ view: z.infer<typeof exclusionView>; added: boolean }> {
  const { group, kind, value } = wanted
  await checkThere(transaction, wanted)
  const all = await transaction.selectFrom('exclusion').selectAll().execute()
  const twin = all.find((row) => row.group_id === group && row.kind === kind && row.value === value)
  if (twin !== undefined) return { view: viewOf(twin), added: false }
  if (all.length >= mostExclusions) {
    throw new RecourseError('request_invalid', `there are ${mostExclusions} exclusions already`)
  }
  const row: ExclusionRow = {
    id: newId<ExclusionId>(deps.source),
    group_id: group,
    kind,
    value,
    comment: wanted.comment,
    created_by: caller.name,
    created_at: deps.source.nowMs(),
  }
  await transaction.insertInto('exclusion').values(row).execute()
  await record(deps, transaction, caller, 'exclusion.added', row)
  await reconsiderOpen(deps, transaction)
  return { view: viewOf(row), added: true }
}

/** Throws RecourseError `not_found`. What was skipped stays skipped: it was decided. */
export async function removeExclusion(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  id: ExclusionId,
): Promise<void> {
  const row = await transaction.selectFrom('exclusion').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new RecourseError('not_found', `there is no exclusion ${id}`)
  await transaction.deleteFrom('exclusion').where('id', '=', id).execute()
  await record(deps, transaction, caller, 'exclusion.removed', row)
}

async function checkThere(
  transaction: Transaction<Schema>,
  { group, kind, value }: z.infer<typeof exclusionWish>,
): Promise<void> {
  if (group !== null) {
    const found = await transaction.selectFrom('device_group').select('id').where('id', '=', group).executeTakeFirst()
    if (found === undefined) throw new RecourseError('not_found', `there is no device group ${group}`)
  }
  if (kind === 'device') {
    const found = await transaction.selectFrom('device').select('id').where('id', '=', value).executeTakeFirst()
    if (found === undefined) throw new RecourseError('not_found', `there is no device ${value}`)
  }
}

async function record(
  { audit, source }: ActionDeps,
  transaction: Transaction<Schema>,
  caller: Caller,
  kind: string,
  row: ExclusionRow,
): Promise<void> {
  await audit.append(transaction, { actor: actorOf(caller), kind, body: { ...row } })
  await appendEvents(transaction, source.nowMs(), [{ type: 'group.changed', body: { id: row.group_id } }])
}
