import { chmodSync, mkdirSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import type { Kysely } from 'kysely'
import { RecourseError } from '../../../protocol/errors.ts'
import { type ActionId, actionId } from '../../../protocol/ids.ts'
import { readSettings } from '../../settings.ts'
import type { Schema } from '../../store/schema.ts'
import { type CollectedDeps, createTaking, placeOf, removeFile, sealingOf, type Taking } from './incoming.ts'
import { contentOf, openSealed } from './sealed-file.ts'

/** Copies of quarantined files that came from devices, sealed in a folder of their own (VLT7). */
export interface Collected extends Taking {
  /** The content of a file that is here, as the caller sees devices. RecourseError `not_found`. */
  content(
    seen: Kysely<Schema>,
    id: ActionId,
  ): Promise<{ readonly sha256: string; readonly sizeBytes: number; readonly pieces: AsyncGenerator<Uint8Array> }>
  /** Deletes what has been kept for long enough, and what came of collections that have ended otherwise. */
  prune(): Promise<void>
}

const day = 86_400_000

export function openCollected(deps: CollectedDeps): Collected {
  const { store, source, folder } = deps
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const taking = createTaking(deps)
  return {
    ...taking,
    async content(seen, id) {
      const row = await seen.selectFrom('collected_file').selectAll().where('action_id', '=', id).executeTakeFirst()
      if (row === undefined) throw new RecourseError('not_found')
      if (row.gone_at !== null) throw new RecourseError('not_found', 'its bytes were deleted; request it again')
      const handle = await open(placeOf(deps, id), 'r')
      const file = await openSealed(handle, sealingOf(deps, id)).catch(() => null)
      if (file?.sizeBytes !== row.size_bytes) {
        await handle.close()
        throw new RecourseError('record_damaged', 'a collected file is not as it was written')
      }
      async function* pieces() {
        try {
          if (file !== null && file !== undefined) yield* contentOf(file)
        } finally {
          await handle.close()
        }
      }
      return { sha256: row.sha256, sizeBytes: row.size_bytes, pieces: pieces() }
    },
    async prune() {
      const now = source.nowMs()
      const { collectedDays } = await readSettings(store.read)
      await store.write((transaction) =>
        transaction
          .updateTable('collected_file')
          .set({ gone_at: now })
          .where('gone_at', 'is', null)
          .where('here_at', '<=', now - collectedDays * day)
          .execute(),
      )
      for (const name of await readdir(folder)) {
        const id = actionId.safeParse(name)
        if (!id.success || taking.isOpen(id.data) || (await isWanted(id.data))) continue
        await removeFile(placeOf(deps, id.data))
      }
    },
  }

  async function isWanted(id: ActionId): Promise<boolean> {
    const action = await store.read.selectFrom('action').select('ended_at').where('id', '=', id).executeTakeFirst()
    if (action !== undefined && action.ended_at === null) return true
    const row = await store.read
      .selectFrom('collected_file')
      .select('gone_at')
      .where('action_id', '=', id)
      .executeTakeFirst()
    return row !== undefined && row.gone_at === null
  }
}
