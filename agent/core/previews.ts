import * as z from 'zod'
import { type ActionId, actionId as actionIdSchema } from '../../protocol/ids.ts'
import type { Preview } from '../../protocol/outcome.ts'
import type { Bench } from './action.ts'
import type { PreviewAsk } from './core.ts'
import { benchOf, findAction, type Parts, type ReversibleSubject } from './parts.ts'
import { tell } from './runner.ts'
import { findUndoable } from './undo.ts'
import { boundGaps, boundHurts, boundSentences, sentence, type Trouble, troubleOf } from './words.ts'

/** Stands for the id of an action that may never come to be; nothing is kept under it. */
const noAction = actionIdSchema.parse('00000000-0000-7000-8000-000000000000')

/** What would happen, found by reading alone (LIFE10). Runs beside everything else: it holds nothing and changes nothing. */
export async function preview(parts: Parts, ask: PreviewAsk): Promise<Preview> {
  try {
    return ask.kind === 'do' ? await previewDo(parts, ask.action, ask.params) : await previewUndo(parts, ask.undoOf)
  } catch (error) {
    tell(parts, ask.kind === 'do' ? noAction : ask.undoOf, error, 'could not be previewed')
    return refuse(parts, troubleOf(error))
  }
}

const refuse = ({ clock }: Parts, { code, detail }: Trouble): Preview => ({
  answer: 'refused',
  code,
  detail: sentence(detail),
  at: clock.nowMs(),
})

async function previewDo(parts: Parts, action: string, given: unknown): Promise<Preview> {
  const { name, spec, implementation } = findAction(parts, action)
  const read = spec.params.safeParse(given)
  if (!read.success) return refuse(parts, { code: 'params_invalid', detail: z.prettifyError(read.error) })
  const question = { kind: 'do', action: name, target: spec.target(read.data) } as const
  const before = parts.policy.forbids({ ...question, touches: null })
  if (before !== null) return refuse(parts, { code: 'policy_forbids', detail: before })
  const bench: Bench = benchOf(parts, noAction)
  const prepared = await implementation.prepare(bench, read.data)
  const at = parts.clock.nowMs()
  switch (prepared.kind) {
    case 'refused':
      return refuse(parts, prepared)
    case 'already-so':
      return { answer: 'ready', would: [sentence(`do nothing: ${prepared.found}`)], hurts: [], gaps: [], at }
    case 'ready': {
      const reason = parts.policy.forbids({ ...question, touches: prepared.touches })
      if (reason !== null) return refuse(parts, { code: 'policy_forbids', detail: reason })
      const { would, hurts, gaps } = prepared.impact
      return { answer: 'ready', would: boundSentences(would), hurts: boundHurts(hurts), gaps: boundGaps(gaps), at }
    }
  }
}

async function previewUndo(parts: Parts, undoOf: ActionId): Promise<Preview> {
  const named = parts.journal.records.find(undoOf)?.action ?? parts.journal.ledger.find(undoOf)?.action ?? ''
  const found = findUndoable(parts, undoOf, named)
  if ('code' in found) return refuse(parts, found)
  const comparison = await found.implementation.compare(benchOf(parts, undoOf), found.inverse)
  const at = parts.clock.nowMs()
  const gaps = boundGaps(found.record.gaps)
  switch (comparison.kind) {
    case 'as-left':
      return { answer: 'ready', would: wouldPutBack(found), hurts: [], gaps, at }
    case 'as-found':
      return { answer: 'ready', would: [sentence(`do nothing: ${comparison.found}`)], hurts: [], gaps: [], at }
    case 'drifted': {
      const choices = comparison.choices.filter((choice) => choice !== 'leave')
      const offer = choices.length === 0 ? 'It can only be left as it is.' : `It can go on with: ${choices.join(', ')}.`
      const would = [`stop and ask: ${comparison.detail} ${offer}`, ...wouldPutBack(found)]
      const hurts = comparison.drift.map(({ what, expected, found: there }) => ({
        what,
        detail: `expected ${expected}, found ${there}`,
      }))
      return { answer: 'ready', would: boundSentences(would), hurts: boundHurts(hurts), gaps, at }
    }
  }
}

function wouldPutBack({ spec, implementation, params, inverse }: ReversibleSubject): string[] {
  const title = 'title' in spec.undo ? spec.undo.title : spec.title
  return boundSentences([
    `${title}: the device did ${spec.summarise(params)}, and takes that back`,
    ...(implementation.putsBack?.(inverse) ?? []),
  ])
}
