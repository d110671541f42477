import type { ParamsOf } from '../../protocol/action-spec.ts'
import type { Catalogue } from '../../protocol/actions/index.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Bench } from '../core/action.ts'
import type { FileRecord } from '../vault/vault.ts'

/** The record of the quarantine that an order names, when it is the one that was approved (VLT5). */
export function namedQuarantine(
  bench: Bench,
  { quarantine, path, sha256 }: ParamsOf<Catalogue['collect-quarantined' | 'purge-quarantine']>,
): FileRecord | { readonly code: ErrorCode; readonly detail: string } {
  const found = bench.quarantined(quarantine)
  if ('gone' in found) return { code: 'target_not_found', detail: `Not in the vault: ${found.gone}.` }
  const { record } = found
  if (record.path !== path || record.sha256 !== sha256 || record.item !== quarantine) {
    const what = `${record.path} (${record.sizeBytes} bytes, sha256 ${record.sha256})`
    return { code: 'target_changed', detail: `That quarantine is of ${what}, and not of what was approved.` }
  }
  if (bench.vault.holds(record) === 'stray')
    return {
      code: 'target_changed',
      detail: 'The vault holds something that was moved in by mistake, and not the file.',
    }
  return record
}
