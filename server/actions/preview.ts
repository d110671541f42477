import type { Kysely } from 'kysely'
import * as z from 'zod'
import { type ActionName, actionNames, specOf } from '../../protocol/actions/index.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { actionId, type DeviceId, deviceId } from '../../protocol/ids.ts'
import type { Preview } from '../../protocol/outcome.ts'
import type { PreviewAsk } from '../gateway/seam.ts'
import type { Caller } from '../people/permissions.ts'
import { seenBy } from '../people/scope.ts'
import type { Schema } from '../store/schema.ts'
import type { ActionDeps } from './deps.ts'
import { findAction } from './life.ts'

/** What one may ask a device to plan without touching anything (LIFE10). */
export const previewWish = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('do'), device: deviceId, action: z.enum(actionNames), params: z.unknown() }),
  z.strictObject({ kind: z.literal('undo'), undoOf: actionId }),
])
export type PreviewWish = z.infer<typeof previewWish>

const answerWithinMs = 20_000

/** Asks the device. Rejects with `device_absent`, or `tool_failed` when it does not answer in time. */
export async function previewAction(deps: ActionDeps, caller: Caller, wanted: PreviewWish): Promise<Preview> {
  const seen = seenBy(deps.store.read, caller)
  const { device, action, ask } = wanted.kind === 'do' ? doing(wanted) : await undoing(seen, wanted)
  if (!caller.permissions.has(`respond:${action}`) && !caller.permissions.has(`approve:${action}`)) {
    throw new RecourseError('forbidden')
  }
  const known = await seen.selectFrom('device').select('status').where('id', '=', device).executeTakeFirst()
  if (known === undefined) throw new RecourseError('not_found', `there is no device ${device}`)
  if (known.status !== 'active') throw new RecourseError('device_revoked')
  return deps.devices.preview(device, ask, answerWithinMs)
}

interface Asking {
  readonly device: DeviceId
  readonly action: ActionName
  readonly ask: PreviewAsk
}

function doing({ device, action, params }: Extract<PreviewWish, { kind: 'do' }>): Asking {
  const checked = specOf(action).params.safeParse(params)
  if (!checked.success) throw new RecourseError('params_invalid', z.prettifyError(checked.error))
  return { device, action, ask: { kind: 'do', action, params: checked.data } }
}

async function undoing(seen: Kysely<Schema>, { undoOf }: Extract<PreviewWish, { kind: 'undo' }>): Promise<Asking> {
  const row = await findAction(seen, undoOf)
  if (row === undefined) throw new RecourseError('not_found', `there is no action ${undoOf}`)
  return { device: row.device_id, action: row.action, ask: { kind: 'undo', undoOf } }
}
