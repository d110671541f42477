import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type ActionId, type BatchId, type DeviceId, newId } from '../../protocol/ids.ts'
import { canonicalJson } from '../audit/canonical-json.ts'
import { newTestSource } from '../test-app.ts'
import { type BatchMember, contentHash } from './content-hash.ts'

const source = newTestSource()
const batch = {
  id: newId<BatchId>(source),
  kind: 'do',
  action: 'quarantine-file',
  comment: 'it is "evil",\n\u2028"members":[] ü 🦊',
  source: 'manual-device-action',
  requested_by: 'ann',
} as const
const member = (at: number): BatchMember => ({
  id: newId<ActionId>(source),
  device_id: newId<DeviceId>(source),
  params: JSON.stringify({ path: `/tmp/"${at}"\\`, sha256: 'ä' }),
  undo_of: at % 3 === 0 ? newId<ActionId>(source) : null,
  until: at % 2 === 0 ? 1_800_000_000_000 + at : null,
  on_conflict: at % 5 === 0 ? 'beside' : 'ask',
})

/** The content as an object, through the one writer of canonical JSON. */
function asCanonical(rows: readonly BatchMember[]): string {
  const members = rows
    .map((row) => ({
      action: row.id,
      device: row.device_id,
      params: row.params,
      undoOf: row.undo_of,
      until: row.until,
      onConflict: row.on_conflict,
    }))
    .sort((a, b) => (a.action < b.action ? -1 : 1))
  const { id, kind, action, comment, requested_by: requestedBy } = batch
  const content = { v: 1, batch: id, kind, action, comment, source: batch.source, requestedBy, members }
  return createHash('sha256').update(canonicalJson(content)).digest('hex')
}

test('[POL6] the hash of a batch is that of its canonical JSON, for no member and for thousands, in any order', () => {
  for (const count of [0, 1, 2, 7, 3_000]) {
    const rows = Array.from({ length: count }, (_, at) => member(at))
    expect(contentHash(batch, rows)).toBe(asCanonical(rows))
    expect(contentHash(batch, rows.toReversed())).toBe(asCanonical(rows))
  }
})

test('[POL6] each thing an approver sees changes it', () => {
  const row = { ...member(1), until: null }
  const hash = contentHash(batch, [row])
  const others: Partial<BatchMember>[] = [
    { device_id: newId<DeviceId>(source) },
    { params: '{}' },
    { undo_of: newId<ActionId>(source) },
    { until: 1 },
    { on_conflict: 'replace' },
  ]
  for (const other of others) expect(contentHash(batch, [{ ...row, ...other }])).not.toBe(hash)
  for (const other of [{ comment: 'x' }, { requested_by: 'ben' }, { kind: 'undo' } as const])
    expect(contentHash({ ...batch, ...other }, [row])).not.toBe(hash)
  expect(contentHash(batch, [])).not.toBe(hash)
})
