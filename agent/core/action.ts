import type { InverseOf, ParamsOf, Platform } from '../../protocol/action-spec.ts'
import type { ActionName, Catalogue } from '../../protocol/actions/index.ts'
import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { FilePath } from '../../protocol/file-path.ts'
import type { ActionId } from '../../protocol/ids.ts'
import type { ConflictChoice, Drift, Evidence, Gap, Preview } from '../../protocol/outcome.ts'
import type { Host } from '../host/host.ts'
import type { FileRecord, Vault } from '../vault/vault.ts'

/**
 * What an implementation of an action is. The core calls these in order: `prepare` → (record durable) → `apply` → `verify`,
 * and for an undo `compare` → (intent durable) → `revert`. It knows nothing else about any action.
 *
 * INVARIANTS
 * - `prepare` and `compare` change nothing (A1).
 * - `apply` and `revert` may be cut off anywhere and are called again with the same record after a restart; doing them twice is
 *   doing them once (A2). Each leaves the machine as it was or as it should be when it returns; when it throws, the core calls the other one.
 * - What `apply` throws with a code `target_…` says that the target was not as ordered and nothing of it was touched (VLT5).
 * - Everything needed to take the action back is in the inverse record that `prepare` returned (UND1).
 */
export interface Implementation<Name extends ActionName> {
  prepare(bench: Bench, params: ParamsOf<Catalogue[Name]>): Promise<Prepared<InverseOf<Catalogue[Name]>>>
  apply(bench: Bench, params: ParamsOf<Catalogue[Name]>, inverse: InverseOf<Catalogue[Name]>): Promise<Applied>
  /** Did it take, and does it still hold? Evidence for the outcome and for “in force now”. */
  verify(bench: Bench, params: ParamsOf<Catalogue[Name]>, inverse: InverseOf<Catalogue[Name]>): Promise<Evidence[]>
  /**
   * Actions whose way back this one destroys (VLT6). Once it has succeeded they are `purged`: they stand no more, and their records are
   * gone. When it failed in the middle, what stands of them is `unknown`.
   */
  purges?(params: ParamsOf<Catalogue[Name]>): readonly ActionId[]
  /** `apply` changes nothing on the device: when it fails, nothing of it stands. */
  readonly readsOnly?: true
}

/** Further duties of an action that can be undone; an implementation without them does not compile. */
export interface Reversible<Name extends ActionName> extends Implementation<Name> {
  /** Compares the world with what the action left behind (UND2). */
  compare(bench: Bench, inverse: InverseOf<Catalogue[Name]>): Promise<Comparison>
  /**
   * Takes it back. `beside` and `replace` are only given when `compare` offered them.
   * What is replaced goes into the vault by the record that `bench.displace` made durable first (JRN1).
   */
  revert(bench: Bench, inverse: InverseOf<Catalogue[Name]>, how: RevertWay): Promise<Applied>
  /**
   * The outcome's evidence that the world is as it was. `gaps` are those that `revert` has just named: what is named is not held
   * against it a second time. Without them every difference is.
   */
  verifyReverted(bench: Bench, inverse: InverseOf<Catalogue[Name]>, gaps?: readonly Gap[]): Promise<Evidence[]>
  /** What an undo will put back, in sentences from the record alone; for the preview of an undo (LIFE10). */
  putsBack?(inverse: InverseOf<Catalogue[Name]>): readonly string[]
  /** Gives up what was kept for an undo (bytes in the vault), once the grace period after it is over (UND4). May be called again. */
  release?(bench: Bench, inverse: InverseOf<Catalogue[Name]>): Promise<void>
  /**
   * Whether the machine has started anew since, and nothing of it can stand any more: then it is in force no longer (LIFE2). Told from
   * the record alone, and asked at every start of the agent.
   */
  endedWithBoot?(bench: Bench, inverse: InverseOf<Catalogue[Name]>): boolean
  /**
   * For effects held in force: keeps the effect up until disposed, putting back what somebody tampers with and reporting it.
   * Started after `apply` and again at every start of the agent.
   */
  hold?(bench: Bench, inverse: InverseOf<Catalogue[Name]>, tampered: (evidence: Evidence[]) => void): Disposable
}

/** What an implementation works with. */
export interface Bench {
  readonly actionId: ActionId
  readonly host: Host
  readonly vault: Vault
  readonly bounds: Bounds
  nowMs(): number
  /** A quarantine of this very device that stands, by its own record (UND1); or, in words, why there is none. */
  quarantined(action: ActionId): { readonly record: FileRecord } | { readonly gone: string }
  /**
   * For `apply` alone: sends the control plane what the vault holds of the record (VLT7), and resolves when it has all of it. Throws
   * `NotNow` while there is no connection; the core then leaves the order open and calls `apply` again at the next connect.
   */
  handOver(record: FileRecord): Promise<void>
  /**
   * For `revert` with `replace` only: makes the record of what stands in the way durable, before it is taken (JRN1), under the
   * undo's own id, so that it can be restored by an undo of the undo. Answers with the record to take by: `describe` is asked the
   * first time; a repeat after a cut gets the first record back and goes on with the same item.
   */
  displace(describe: () => FileRecord): FileRecord
}

/** `as-found`: to where and what it was. The other two are the operator's choice after a conflict (UND2). */
export type RevertWay = 'as-found' | 'beside' | 'replace'

/** What the agent knows of its own place, for actions that must spare it. */
export interface Bounds {
  /** The control plane, resolved to addresses, as pinned at enrolment. */
  readonly controlPlane: readonly Endpoint[]
  /** What must be unreachable while isolated (ISO2); empty when none was named. */
  readonly canaries: readonly Endpoint[]
}

export type Prepared<Inverse> =
  | {
      readonly kind: 'ready'
      readonly inverse: Inverse
      /** Actions with a resource in common run one after the other (JRN5). */
      readonly resources: readonly string[]
      /** Every file it would touch, or whose process it would; the local policy is asked about each (TRU5). Empty for device-wide actions. */
      readonly touches: readonly FilePath[]
      readonly impact: Pick<Extract<Preview, { answer: 'ready' }>, 'would' | 'hurts' | 'gaps'>
    }
  /** It is so already, through nobody's action; nothing is done and nothing can be undone. */
  | { readonly kind: 'already-so'; readonly found: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly detail: string }

export interface Applied {
  /** One sentence in the past tense. */
  readonly summary: string
  readonly gaps: readonly Gap[]
}

export type Comparison =
  | { readonly kind: 'as-left' }
  /** Nothing to do: it is as it was before already. */
  | { readonly kind: 'as-found'; readonly found: string }
  | {
      readonly kind: 'drifted'
      readonly code: ErrorCode
      readonly detail: string
      readonly drift: readonly Drift[]
      readonly choices: readonly ConflictChoice[]
    }

/** The honest way out: a sentence for the capability list, the docs and the dashboard. */
export interface Unsupported {
  readonly unsupported: string
}

export const unsupported = (reason: string): Unsupported => ({ unsupported: reason })

/** The kind of implementation the spec demands: one that can be undone must know how. */
export type ImplementationOf<Name extends ActionName> =
  InverseOf<Catalogue[Name]> extends null ? Implementation<Name> : Reversible<Name>

/** Declares an implementation; `name` ties its types to the spec. */
export const defineImpl = <Name extends ActionName>(
  _name: Name,
  implementation: ImplementationOf<NoInfer<Name>>,
): ImplementationOf<Name> => implementation

/** Every action on every platform; a missing one does not compile. */
export type Registry = {
  readonly [Name in ActionName]: { readonly [P in Platform]: ImplementationOf<Name> | Unsupported }
}
