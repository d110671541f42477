import type { Selectable, Transaction } from 'kysely'
import * as z from 'zod'
import type { DeviceGroupId, DeviceId } from '../../protocol/ids.ts'
import { type EvidenceItem, evidenceItem } from '../alerts/alert.ts'
import { decide } from '../decisions/automation.ts'
import { type Exclusion, exclusionFor, exclusionSentence, readExclusions } from '../decisions/exclusions.ts'
import { type FolderLists, placeOf } from '../decisions/folders.ts'
import { type GroupRow, groupOf } from '../groups/membership.ts'
import { readSettings } from '../settings.ts'
import { defaultGroupId } from '../store/deciding-migration.ts'
import type { DecisionTable, EvidenceTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import { contentOf, pathOf, type Remedy, remedyFor } from './remedies.ts'

export type EvidenceRow = Selectable<EvidenceTable>

/** What one must know of a device to decide about what is found there. */
export interface Bench {
  readonly device: DeviceId
  readonly platform: 'linux' | 'windows'
  readonly group: GroupRow
  readonly folders: FolderLists
  readonly exclusions: readonly Exclusion[]
}

export async function benchFor(transaction: Transaction<Schema>, device: DeviceId): Promise<Bench> {
  const { platform } = await transaction
    .selectFrom('device')
    .select('platform')
    .where('id', '=', device)
    .executeTakeFirstOrThrow()
  const { folderLists: folders } = await readSettings(transaction)
  const [group, exclusions] = [await groupOf(transaction, device), await readExclusions(transaction)]
  return { device, platform, group, folders, exclusions }
}

/** What follows for one thing, by which rule, and the sentence that people are shown. */
export interface Judgement {
  readonly answer: DecisionTable['answer']
  readonly rule: string
  readonly sentence: string
  readonly remedy: Extract<Remedy, { action: string }> | null
}

export const readItem = (row: Pick<EvidenceRow, 'item'>): EvidenceItem => evidenceItem.parse(JSON.parse(row.item))
export const readReasons = (row: Pick<EvidenceRow, 'reasons'>): string[] =>
  z.array(z.string()).parse(JSON.parse(row.reasons))

/**
 * Level × verdict × place (POL1), then what can be done about it, then exclusions. What a person brought in is never acted on alone:
 * otherwise whoever may bring in evidence could do what the rules of approval keep from them (POL6). Pure.
 */
export function judge({ device, platform, group, folders, exclusions }: Bench, evidence: EvidenceRow): Judgement {
  const item = readItem(evidence)
  const path = pathOf(item, platform)
  const place = path === null ? null : placeOf(path, platform, folders)
  const { answer, rule, sentence } = decide({ level: group.level, verdict: evidence.verdict, place, channel: 'device' })
  if (answer === 'nothing' || answer === 'not-investigated') return { answer: 'nothing', rule, sentence, remedy: null }
  const remedy = remedyFor(item, platform)
  if ('none' in remedy) return { answer: 'no-action', rule: 'no-remedy', sentence: remedy.none, remedy: null }
  const asset = {
    device,
    platform,
    path,
    sha256: contentOf(item),
    group: group.id ?? (defaultGroupId as DeviceGroupId),
  }
  const excluded = exclusionFor(asset, exclusions)
  if (excluded !== null) {
    return { answer: 'skipped', rule: `exclusion:${excluded.id}`, sentence: exclusionSentence(excluded), remedy: null }
  }
  if (answer === 'auto' && evidence.brought_by !== null) {
    const why = `${evidence.brought_by} brought this in; what a person brings in is not acted on without another one.`
    return { answer: 'ask', rule: 'brought-by-hand', sentence: why, remedy }
  }
  return { answer, rule, sentence, remedy }
}
