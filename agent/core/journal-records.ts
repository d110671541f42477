import { createHash } from 'node:crypto'
import * as z from 'zod'
import { decode, encode, recordLimits } from '../../protocol/codec.ts'
import { RecourseError } from '../../protocol/errors.ts'
import { filePath } from '../../protocol/file-path.ts'
import type { ActionId } from '../../protocol/ids.ts'
import { gap } from '../../protocol/outcome.ts'
import type { Store } from './journal.ts'
import { bytes, integer, text } from './journal-rows.ts'

/** Everything an action can be taken back by, and done again by when taking it back failed. */
const body = z.strictObject({
  action: z.string(),
  params: z.unknown(),
  /** The action's own inverse record; null for one that cannot be undone. Checked against its spec where it is used. */
  inverse: z.unknown(),
  touches: z.array(filePath),
  /** What an undo will not restore, as it was known before the action. */
  gaps: z.array(gap),
})
export type ActionRecord = z.infer<typeof body>

/** Number of the shape above; older ones are read for ever (JRN7). */
const recordVersion = 1

export interface RecordTable {
  /** Null when there is none. RecourseError `record_damaged` when it is not what was written. */
  find(actionId: ActionId): ActionRecord | null
  has(actionId: ActionId): boolean
  put(actionId: ActionId, record: ActionRecord): void
  remove(actionId: ActionId): void
  /** Starts the grace period after which the record may go (UND4). */
  startGrace(actionId: ActionId, leftMs: number): void
  /** Takes this much off every grace period that runs. */
  passGrace(ms: number): void
  /** How many grace periods run. */
  inGrace(): number
  pastGrace(): ActionId[]
}

export function recordTable(store: Store): RecordTable {
  const find = store.prepare('SELECT schema_version, body, checksum FROM records WHERE action_id = ?')
  const has = store.prepare('SELECT 1 FROM records WHERE action_id = ?')
  const put = store.prepare(
    'INSERT INTO records (action_id, schema_version, body, checksum, grace_left_ms) VALUES (?, ?, ?, ?, NULL)',
  )
  const remove = store.prepare('DELETE FROM records WHERE action_id = ?')
  const startGrace = store.prepare('UPDATE records SET grace_left_ms = ? WHERE action_id = ?')
  const passGrace = store.prepare('UPDATE records SET grace_left_ms = grace_left_ms - ? WHERE grace_left_ms > 0')
  const inGrace = store.prepare('SELECT count(*) AS n FROM records WHERE grace_left_ms IS NOT NULL')
  const pastGrace = store.prepare('SELECT action_id FROM records WHERE grace_left_ms <= 0')
  return {
    find(actionId) {
      const row = find.get(actionId)
      if (row === undefined) return null
      const written = bytes(row, 'body')
      if (!digestOf(written).equals(bytes(row, 'checksum')))
        throw new RecourseError('record_damaged', 'the inverse record does not match its checksum')
      const version = integer(row, 'schema_version')
      if (version !== recordVersion)
        throw new RecourseError('record_damaged', `the inverse record has version ${version}, unknown to this agent`)
      const read = body.safeParse(decode(written, recordLimits))
      if (!read.success) throw new RecourseError('record_damaged', 'the inverse record cannot be read')
      return read.data
    },
    has: (actionId) => has.get(actionId) !== undefined,
    put(actionId, record) {
      store.demandCommit()
      const written = encode({ ...record })
      put.run(actionId, recordVersion, written, digestOf(written))
    },
    remove(actionId) {
      store.demandCommit()
      remove.run(actionId)
    },
    startGrace(actionId, leftMs) {
      store.demandCommit()
      startGrace.run(Math.max(0, Math.round(leftMs)), actionId)
    },
    passGrace(ms) {
      store.demandCommit()
      passGrace.run(Math.max(0, Math.round(ms)))
    },
    inGrace: () => integer(inGrace.get() ?? {}, 'n'),
    pastGrace: () => pastGrace.all().map((row) => text(row, 'action_id') as ActionId),
  }
}

const digestOf = (written: Uint8Array) => createHash('sha256').update(written).digest()
