import type { InverseOf } from '../../protocol/action-spec.ts'
import type { Catalogue } from '../../protocol/actions/index.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import type { Sha256 } from '../../protocol/file-record.ts'
import type { Gap } from '../../protocol/outcome.ts'

/** The inverse record of `quarantine-file`: what the vault takes and gives back by. */
export type FileRecord = InverseOf<Catalogue['quarantine-file']>

/**
 * Where the agent keeps quarantined bytes: a directory only root can enter, on the file system of its state.
 *
 * Life of an item: `plain` (moved in by one rename, or copied from another file system, without mode bits) → `sealed`
 * (AES-256-GCM, streamed, keyed by content so that equal files are kept once) → released. The name of the item is in
 * the inverse record, which is durable before anything moves.
 *
 * INVARIANTS
 * - From `take` to the end of the grace period after a verified restore there is at every moment at least one complete,
 *   durable copy of the bytes: at the old place, plain in the vault, or sealed in it.
 * - Every method may be cut off anywhere and called again; it then finishes what it began.
 * - Nothing is found by a name that somebody else could have written: items are named by the record alone.
 */
export interface Vault {
  /** Why a file of this size cannot be taken now (too large, no space left), or null. Changes nothing. */
  unable(sizeBytes: number, place: FilePath): { code: ErrorCode; detail: string } | null
  /**
   * Takes the file of the record: identity and content are compared first and again after the move (VLT2, VLT5). Throws
   * RecourseError `target_changed` (nothing was changed, or it was put back), `target_not_found`, or what the machine
   * refused.
   */
  take(record: FileRecord): Promise<TakeResult>
  /**
   * Seals what still lies plain, in the background of everything else; safe to cut off. Resolves when nothing is left
   * that can be sealed; what cannot (no space, changed since by a process that kept it open) stays plain and is named.
   */
  seal(): Promise<SealResult>
  /**
   * What the vault holds of the record, by its names; while it is being sealed, `plain`. For `stray` see {@link
   * VaultItem}.
   */
  holds(record: Pick<FileRecord, 'item' | 'sha256'>): VaultItem['state'] | 'nothing'
  /** Reads the item through and compares it with its hash; `record_damaged` is a value here, not an exception. */
  check(item: Pick<FileRecord, 'item' | 'sha256' | 'sizeBytes'>): Promise<{ intact: boolean; detail: string }>
  /**
   * Up to `length` bytes of the content from `offset`; sealed parts are handed on only when they are authentic. RecourseError
   * `record_damaged`, `target_not_found`. Changes nothing.
   */
  read(record: Pick<FileRecord, 'item' | 'sha256' | 'sizeBytes'>, offset: number, length: number): Promise<Uint8Array>
  /**
   * Puts the file back at `path` (the record's own, or one beside it), never replacing anything: bytes, metadata,
   * holes. RecourseError `place_taken`, `place_changed`, `record_damaged`. The item stays until {@link release}.
   */
  restore(record: FileRecord, path: FilePath): Promise<{ gaps: Gap[] }>
  /**
   * Gives the item up, once its grace period is over or because it is purged; the sealed bytes go when no record needs them any more.
   * Waits for a sealing that is under way, which would otherwise keep what it had begun to read.
   */
  release(record: Pick<FileRecord, 'item' | 'sha256'>): Promise<void>
  list(): Promise<VaultItem[]>
  /** Closes its handles. What lies in it stays as it is. */
  close(): void
}

export interface SealResult {
  readonly sealed: number
  readonly left: readonly SealLeft[]
}

/** An item that cannot be sealed now, and why. */
export interface SealLeft {
  readonly item: string
  readonly code: ErrorCode
  readonly detail: string
}

export interface TakeResult {
  readonly how: 'renamed' | 'copied'
}

export interface VaultItem {
  readonly item: string
  /**
   * `stray`: moved in by mistake for the item, because somebody exchanged the target in that instant, and could not go
   * back.
   */
  readonly state: 'plain' | 'sealed' | 'stray'
  readonly sha256: Sha256 | null
  readonly sizeBytes: number
}
