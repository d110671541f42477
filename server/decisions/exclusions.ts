import type { Kysely, Selectable } from 'kysely'
import type { Platform } from '../../protocol/action-spec.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import type { DeviceGroupId, DeviceId } from '../../protocol/ids.ts'
import type { ExclusionTable } from '../store/deciding-schema.ts'
import type { Schema } from '../store/schema.ts'
import { liesBelow } from './folders.ts'

export type Exclusion = Pick<Selectable<ExclusionTable>, 'id' | 'group_id' | 'kind' | 'value' | 'comment'>

/** What is about to be acted on without a person. */
export interface Asset {
  readonly device: DeviceId
  readonly group: DeviceGroupId
  readonly platform: Platform
  readonly path: FilePath | null
  readonly sha256: string | null
}

export const readExclusions = (db: Kysely<Schema>): Promise<Exclusion[]> =>
  db
    .selectFrom('exclusion')
    .select(['id', 'group_id', 'kind', 'value', 'comment'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()

/** The first exclusion that holds for the asset, or null. Pure. */
export function exclusionFor(asset: Asset, exclusions: readonly Exclusion[]): Exclusion | null {
  const holds = ({ group_id, kind, value }: Exclusion): boolean => {
    if (group_id !== null && group_id !== asset.group) return false
    switch (kind) {
      case 'device':
        return value === asset.device
      case 'folder':
        return asset.path !== null && liesBelow(asset.path, asset.platform, value)
      case 'sha256':
        return value === asset.sha256
    }
  }
  return exclusions.find(holds) ?? null
}

/** The sentence that people are shown. */
export function exclusionSentence({ kind, value, comment }: Exclusion): string {
  const what = kind === 'device' ? 'This device' : kind === 'folder' ? `Everything below ${value}` : 'This content'
  return `${what} is excluded from automatic action: ${comment}`
}
