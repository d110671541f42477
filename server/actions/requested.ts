import type { Transaction } from 'kysely'
import * as z from 'zod'
import type { Answer } from '../http/answer-once.ts'
import type { Schema } from '../store/schema.ts'
import { sendOut } from './at-hand.ts'
import type { ActionDeps } from './deps.ts'
import type { Requested } from './request.ts'
import { actionView, viewChanged } from './views.ts'

/** What came of a request: the rows, and which of them were open already. */
export const requested = z
  .strictObject({ actions: z.array(actionView.extend({ alreadyOpen: z.boolean() })) })
  .meta({ id: 'Requested' })

/** Answers 201, or 200 where nothing is new; afterwards the devices are told. */
export async function answerRequested(
  { devices }: Pick<ActionDeps, 'devices'>,
  transaction: Transaction<Schema>,
  found: readonly Requested[],
): Promise<Answer> {
  const rows = found.map((it) => it.row)
  const views = await viewChanged(transaction, rows)
  const actions = views.map((view, at) => ({ ...view, alreadyOpen: found[at]?.alreadyOpen ?? false }))
  const status = found.some((it) => !it.alreadyOpen) ? 201 : 200
  return { status, body: { actions }, after: () => sendOut(devices, rows) }
}
