import { createHash, type Hash } from 'node:crypto'
import { constants, statSync } from 'node:fs'
import { type FileHandle, open, statfs, unlink } from 'node:fs/promises'
import type { Logger } from 'pino'
import { catalogue } from '../../../protocol/actions/index.ts'
import type { ErrorCode } from '../../../protocol/errors.ts'
import { type ActionId, actionId, type DeviceId } from '../../../protocol/ids.ts'
import { contentPieceBytes } from '../../../protocol/messages.ts'
import { findAction } from '../../actions/life.ts'
import type { Audit } from '../../audit/chain.ts'
import type { ContentAnswer, ContentPiece, Contents } from '../../gateway/seam.ts'
import { readSettings } from '../../settings.ts'
import type { Source } from '../../source.ts'
import type { Store } from '../../store/store.ts'
import { contentIn, makeSealed, openSealed, pieceAt, type SealedFile } from './sealed-file.ts'

/*
 * INVARIANTS
 * - Only what an approved collection of this very device asked for is taken, in order, and not one byte more than was said at first.
 * - How far a file has come is what its sealed pieces say: after a kill they are read anew, and the device goes on behind the last that
 *   is authentic. Nothing else is remembered.
 * - A file is here when its row is, which is written, with an entry in the audit chain, after the bytes are on the disk and have the hash
 *   that was approved. One that has another is deleted.
 * - The pieces of one file are taken one after the other, over whichever connection they come.
 */

export interface CollectedDeps {
  readonly store: Store
  readonly audit: Audit
  readonly source: Source
  /** 32 bytes that only this control plane knows. */
  readonly secret: Uint8Array
  readonly folder: string
  readonly log: Logger
  /** What is left free on the disk. */
  readonly reserveBytes?: number
}

interface Incoming {
  readonly device: DeviceId
  readonly quarantine: ActionId
  readonly sha256: string
  readonly file: SealedFile
  readonly sum: Hash
  upTo: number
}

const running: ReadonlySet<string> = new Set(['queued', 'delivered', 'running'])
const mebibyte = 1_048_576

export const placeOf = ({ folder }: Pick<CollectedDeps, 'folder'>, id: ActionId): string => `${folder}/${id}`
export const sealingOf = ({ secret, source }: CollectedDeps, name: ActionId) => ({
  secret,
  name,
  random: (length: number) => source.randomBytes(length),
})

export interface Taking extends Contents {
  /** How much of it is here, of one that is on its way. */
  received(id: ActionId): number
  isOpen(id: ActionId): boolean
  close(): Promise<void>
}

export function createTaking(deps: CollectedDeps): Taking {
  const { store, audit, source, folder, log, reserveBytes = 256 * mebibyte } = deps
  const arriving = new Map<ActionId, Incoming>()
  const lines = new Map<ActionId, Promise<unknown>>()

  const inTurn = <T>(id: ActionId, work: () => Promise<T>): Promise<T> => {
    const turn = (lines.get(id) ?? Promise.resolve()).then(work, work)
    lines.set(id, turn)
    const over = () => {
      if (lines.get(id) === turn) lines.delete(id)
    }
    turn.then(over, over)
    return turn
  }

  const letGo = async (id: ActionId): Promise<void> => {
    const incoming = arriving.get(id)
    arriving.delete(id)
    await incoming?.file.handle.close()
  }
  const throwAway = async (id: ActionId): Promise<void> => {
    await letGo(id)
    await removeFile(placeOf(deps, id))
  }

  /** The file as far as it has come, or why it is not wanted. */
  const begin = async (device: DeviceId, { actionId: id, sizeBytes }: ContentPiece): Promise<Incoming | ErrorCode> => {
    const row = await findAction(store.read, id)
    if (row?.device_id !== device || row.action !== 'collect-quarantined' || row.kind !== 'do')
      return 'content_unexpected'
    if (!running.has(row.status)) return 'content_unexpected'
    const { quarantine, sha256 } = catalogue['collect-quarantined'].params.parse(JSON.parse(row.params))
    const { collectMebibytes } = await readSettings(store.read)
    if (sizeBytes > collectMebibytes * mebibyte) return 'content_too_large'
    const item = await store.read
      .selectFrom('vault_item')
      .select('size_bytes')
      .where('action_id', '=', actionId.parse(quarantine))
      .executeTakeFirst()
    if ((item?.size_bytes ?? sizeBytes) !== sizeBytes) return 'content_mismatch'
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize < sizeBytes + reserveBytes) return 'no_space'
    const handle = await open(placeOf(deps, id), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    try {
      const found = await openSealed(handle, sealingOf(deps, id))
      const file = found?.sizeBytes === sizeBytes ? found : await makeSealed(handle, sizeBytes, sealingOf(deps, id))
      const { sum, upTo } = await whatIsThere(file)
      await file.cutAt(Math.ceil(upTo / contentPieceBytes) * contentPieceBytes)
      return { device, quarantine: actionId.parse(quarantine), sha256, file, sum, upTo }
    } catch (failure) {
      await handle.close()
      throw failure
    }
  }

  const finish = async (id: ActionId, { device, quarantine, sha256, file, sum, upTo }: Incoming): Promise<boolean> => {
    if (sum.copy().digest('hex') !== sha256) {
      log.warn({ device, action: id }, 'a collected file has another hash than was approved; it is thrown away')
      await throwAway(id)
      return false
    }
    await syncAll(file.handle, folder)
    await letGo(id)
    await store.write(async (transaction) => {
      await transaction
        .insertInto('collected_file')
        .values({
          action_id: id,
          device_id: device,
          quarantine_id: quarantine,
          sha256,
          size_bytes: upTo,
          here_at: source.nowMs(),
          gone_at: null,
        })
        .execute()
      await audit.append(transaction, {
        actor: `device:${device}`,
        kind: 'vault.collected',
        body: { action: id, device, sha256, sizeBytes: upTo },
      })
    })
    return true
  }

  const isHere = async (device: DeviceId, id: ActionId): Promise<number | null> => {
    const row = await store.read
      .selectFrom('collected_file')
      .select('size_bytes')
      .where('action_id', '=', id)
      .where('device_id', '=', device)
      .executeTakeFirst()
    return row?.size_bytes ?? null
  }

  const take = async (device: DeviceId, piece: ContentPiece): Promise<ContentAnswer> => {
    const { actionId: id, sizeBytes, offset, bytes } = piece
    const refuse = (code: ErrorCode): ContentAnswer => ({ type: 'content-refused', actionId: id, code })
    const taken = (upTo: number, whole: boolean): ContentAnswer => ({
      type: 'content-taken',
      actionId: id,
      upTo,
      whole,
    })
    let incoming = arriving.get(id)
    if (incoming === undefined) {
      const whole = await isHere(device, id)
      if (whole !== null) return taken(whole, true)
      const begun = await begin(device, piece)
      if (typeof begun === 'string') return refuse(begun)
      incoming = begun
      arriving.set(id, begun)
    }
    // Another device has no business with it, nor any say in what becomes of it.
    if (incoming.device !== device) return refuse('content_unexpected')
    const { file, sum } = incoming
    if (file.sizeBytes !== sizeBytes) {
      await throwAway(id)
      return refuse('content_mismatch')
    }
    if (bytes.length > 0) {
      if (offset !== incoming.upTo || bytes.length !== pieceAt(sizeBytes, offset)) {
        await throwAway(id)
        return refuse('content_unexpected')
      }
      try {
        await file.write(offset, bytes)
      } catch (failure) {
        if (!isFull(failure)) throw failure
        await throwAway(id)
        return refuse('no_space')
      }
      sum.update(bytes)
      incoming.upTo += bytes.length
    }
    if (incoming.upTo < sizeBytes) return taken(incoming.upTo, false)
    return (await finish(id, incoming)) ? taken(sizeBytes, true) : refuse('content_mismatch')
  }

  return {
    take: (device, piece) => inTurn(piece.actionId, () => take(device, piece)),
    rest(device) {
      for (const [id, incoming] of arriving)
        if (incoming.device === device)
          inTurn(id, () => letGo(id)).catch((err: unknown) => log.warn({ err }, 'a file could not be closed'))
    },
    received: (id) => arriving.get(id)?.upTo ?? contentIn(bytesAt(placeOf(deps, id))),
    isOpen: (id) => arriving.has(id),
    async close() {
      await Promise.allSettled(lines.values())
      for (const id of arriving.keys()) await letGo(id)
    },
  }
}

/** Reads what is there up to the first piece that is missing, or not as it was written. */
async function whatIsThere(file: SealedFile): Promise<{ sum: Hash; upTo: number }> {
  const sum = createHash('sha256')
  let upTo = 0
  while (upTo < file.sizeBytes) {
    const piece = await file.read(upTo)
    if (piece === null) break
    sum.update(piece)
    upTo += piece.length
  }
  return { sum, upTo }
}

async function syncAll(file: FileHandle, folder: string): Promise<void> {
  await file.sync()
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** How long a file is; 0 where there is none. */
const bytesAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

const codeOf = (failure: unknown) => (failure instanceof Error && 'code' in failure ? failure.code : null)
const isFull = (failure: unknown): boolean => codeOf(failure) === 'ENOSPC' || codeOf(failure) === 'EDQUOT'

export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (failure) {
    if (codeOf(failure) !== 'ENOENT') throw failure
  }
}
