import type { Selectable, Transaction } from 'kysely'
import { RecourseError } from '../../protocol/errors.ts'
import { type DecisionId, newId } from '../../protocol/ids.ts'
import { withdraw } from '../actions/cancel.ts'
import { approveByRule } from '../actions/decide.ts'
import type { ActionDeps } from '../actions/deps.ts'
import { insertBatch } from '../actions/insert-batch.ts'
import { type ActionRow, findAction, mayBeInForce } from '../actions/life.ts'
import { checkDevices, openTwin } from '../actions/request.ts'
import { automation, type Requester } from '../actions/requester.ts'
import { readSettings } from '../settings.ts'
import type { DecisionTable, InvestigationTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import { type Bench, type EvidenceRow, type Judgement, judge, readItem, readReasons } from './judge.ts'
import { logInvestigation } from './log.ts'
import { memberFor } from './remedies.ts'

/**
 * INVARIANTS
 * - A decision, the action that comes of it and its approval by a rule are one transaction.
 * - What was decided stays: only a decision without an action, or whose action still waits for approval, is ever replaced (POL3).
 * - A replaced decision stays in the table, with the time at which it was.
 */

export type InvestigationRow = Selectable<InvestigationTable>
export type DecisionRow = Selectable<DecisionTable>

/** The decision that holds for a thing now. */
export const currentDecision = (
  transaction: Transaction<Schema>,
  evidence: EvidenceRow,
): Promise<DecisionRow | undefined> =>
  transaction
    .selectFrom('decision')
    .selectAll()
    .where('evidence_id', '=', evidence.id)
    .where('replaced_at', 'is', null)
    .executeTakeFirst()

/** Decides about a thing that was found, or found again with another verdict, or whose device is now treated otherwise. */
export async function decideEvidence(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  investigation: InvestigationRow,
  evidence: EvidenceRow,
  bench: Bench,
  broughtBy: Requester | null = null,
): Promise<void> {
  const before = await currentDecision(transaction, evidence)
  const waiting = before?.action_id ? await findAction(transaction, before.action_id) : undefined
  if (before?.action_id && waiting?.status !== 'pending-approval') return
  const found = await able(transaction, bench, judge(bench, evidence))
  const { level } = bench.group
  if (before?.answer === found.answer && before.rule === found.rule && before.level === level) {
    if (before.verdict === evidence.verdict) return
  }
  const now = deps.source.nowMs()
  // First, so that an investigation does not take the end of a withdrawn action for its own.
  if (before !== undefined) {
    await transaction.updateTable('decision').set({ replaced_at: now }).where('id', '=', before.id).execute()
  }
  const action = await actOn(deps, transaction, { investigation, evidence, bench, found, waiting, broughtBy })
  const member = found.remedy === null ? null : memberFor(found.remedy)
  await transaction
    .insertInto('decision')
    .values({
      id: newId<DecisionId>(deps.source),
      investigation_id: investigation.id,
      evidence_id: evidence.id,
      device_id: bench.device,
      group_name: bench.group.name,
      level,
      verdict: evidence.verdict,
      answer: found.answer,
      rule: found.rule,
      sentence: found.sentence,
      action: found.remedy?.action ?? null,
      params: member?.params ?? null,
      action_id: action?.id ?? null,
      decided_at: now,
      replaced_at: null,
    })
    .execute()
  const what = `${words[found.answer]} ${labelOf(evidence)}: ${found.sentence}`
  await logInvestigation(transaction, investigation.id, now, 'decision', what)
}

const words: Readonly<Record<DecisionTable['answer'], string>> = {
  auto: 'Acts on',
  ask: 'Asks about',
  nothing: 'Leaves',
  skipped: 'Skips',
  'no-action': 'Cannot act on',
}

/** A thing in a few words, for logs and lists. */
export function labelOf(evidence: EvidenceRow): string {
  const item = readItem(evidence)
  switch (item.kind) {
    case 'file':
      return item.path
    case 'process':
      return `process ${item.pid}`
    case 'registry-key':
      return item.key
    case 'address':
      return item.address
    case 'url':
      return item.url
    case 'device':
      return 'the device'
    case 'service':
    case 'driver':
    case 'scheduled-task':
    case 'startup-item':
    case 'account':
      return `${item.kind} ${item.name}`
  }
}

/** A judgement is worth nothing where the device cannot do what it asks for. */
async function able(transaction: Transaction<Schema>, bench: Bench, found: Judgement): Promise<Judgement> {
  if (found.remedy === null) return found
  try {
    await checkDevices(transaction, found.remedy.action, [bench])
    return found
  } catch (failure) {
    if (!(failure instanceof RecourseError)) throw failure
    return { answer: 'no-action', rule: `device:${failure.code}`, sentence: `${failure.message}.`, remedy: null }
  }
}

interface Acting {
  readonly investigation: InvestigationRow
  readonly evidence: EvidenceRow
  readonly bench: Bench
  readonly found: Judgement
  /** The action of the decision before, which waits for approval. */
  readonly waiting: ActionRow | undefined
  readonly broughtBy: Requester | null
}

/** The action that carries the judgement out; null where there is none. */
async function actOn(deps: ActionDeps, transaction: Transaction<Schema>, acting: Acting): Promise<ActionRow | null> {
  const { bench, found, waiting } = acting
  if (found.remedy === null) {
    if (waiting?.requested_by === automation.name) {
      const detail = found.sentence
      const by = { by: 'server', actor: 'server', kind: 'action.withheld', code: 'order_cancelled', detail } as const
      await withdraw(deps, transaction, waiting, by)
    }
    return null
  }
  const member = { device: bench.device, ...memberFor(found.remedy) }
  const { action } = found.remedy
  const open =
    waiting ?? (await openTwin(transaction, action, null, member)) ?? (await inForce(transaction, action, member))
  const row = open ?? (await request(deps, transaction, acting, member))
  return found.answer === 'auto' ? approveByRule(deps, transaction, row, found.rule, found.sentence) : row
}

type Member = { readonly device: Bench['device'] } & ReturnType<typeof memberFor>

/** The very same thing done before and still in force: it needs no doing again. */
const inForce = (
  transaction: Transaction<Schema>,
  action: ActionRow['action'],
  { device, params, target }: Member,
): Promise<ActionRow | undefined> =>
  transaction
    .selectFrom('action')
    .selectAll()
    .where('device_id', '=', device)
    .where('target_kind', '=', target.kind)
    .where('target_key', '=', target.key)
    .where('status', '=', 'succeeded')
    .where(mayBeInForce)
    .where('effect', '=', 'in-force')
    .where('action', '=', action)
    .where('params', '=', params)
    .where('until', 'is', null)
    .executeTakeFirst()

const longestComment = 4_000

async function request(
  deps: ActionDeps,
  transaction: Transaction<Schema>,
  { investigation, evidence, found, broughtBy }: Acting,
  member: Member,
): Promise<ActionRow> {
  const { remedy, sentence } = found
  if (remedy === null) throw new Error('an action without a remedy')
  const { approvalDays } = await readSettings(transaction)
  const why = [`${investigation.title}.`, sentence, ...readReasons(evidence)].join(' ')
  const requestedBy = evidence.brought_by === null ? automation : broughtBy
  const [row] = await insertBatch(deps, transaction, {
    kind: 'do',
    action: remedy.action,
    comment: why.slice(0, longestComment),
    source: evidence.brought_by === null ? 'automated-device-action' : 'manual-device-action',
    requestedBy: requestedBy ?? { name: evidence.brought_by ?? automation.name, actor: 'server' },
    expiresAt: deps.source.nowMs() + approvalDays * 86_400_000,
    until: null,
    onConflict: 'ask',
    members: [{ ...member, undoOf: null }],
  })
  if (row === undefined) throw new Error('a batch of one without a row')
  return row
}
