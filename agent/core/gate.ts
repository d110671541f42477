import { createHash, createPublicKey, verify } from 'node:crypto'
import * as z from 'zod'
import type { ActionSpec, Platform, Target } from '../../protocol/action-spec.ts'
import { type ActionName, isActionName, specOf } from '../../protocol/actions/index.ts'
import { decode, encode } from '../../protocol/codec.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { type ActionId, actionId, type DeviceId } from '../../protocol/ids.ts'
import {
  type Leaf,
  leaf as leafSchema,
  mandate as mandateSchema,
  type Order,
  order as orderSchema,
  type Signed,
  type SigningPurpose,
  signedBytes,
} from '../../protocol/mandate.ts'
import { rootFrom } from '../../protocol/merkle.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Registry } from './action.ts'
import type { TrustedKey } from './journal-keys.ts'
import type { LedgerEntry } from './journal-ledger.ts'
import type { Policy } from './policy.ts'
import { sentence } from './words.ts'

/**
 * Who may tell this device what to do (TRU3, TRU5). Pure but for its questions to journal and policy; nothing is written here.
 *
 * INVARIANTS
 * - Nothing inside an order is believed before the signature over its exact bytes and its place under the signed root were verified.
 * - Only an order that was verified as ours may leave a trace in the ledger; a forged one cannot use up an id.
 * - An order seen before is known again whatever the time and the policy say by now (JRN3).
 */
export type Verdict =
  | { readonly kind: 'accepted'; readonly order: VerifiedOrder }
  | { readonly kind: 'seen'; readonly entry: LedgerEntry }
  /** Verified as ours and turned down for good: `outcome` is its end. */
  | { readonly kind: 'ended'; readonly order: VerifiedOrder; readonly outcome: Outcome }
  /** Not verified, or not the order we know under this id. `actionId` is what it claims, null where it cannot be read. */
  | {
      readonly kind: 'turned-away'
      readonly actionId: ActionId | null
      readonly code: ErrorCode
      readonly detail: string
    }

/** An order whose signature and share are good. */
export interface VerifiedOrder {
  readonly actionId: ActionId
  readonly digest: Uint8Array
  readonly bytes: Uint8Array
  readonly mandate: LooseMandate
  readonly leaf: Leaf
  /** What the order is about; null for an undo, and where the parameters cannot be read. */
  readonly target: Target | null
}

/** An agent may be older than the catalogue of its control plane: the name of the action is looked up after everything else. */
const looseMandate = mandateSchema.extend({ action: z.string().max(64) })
export type LooseMandate = z.infer<typeof looseMandate>

export interface GateDeps {
  readonly deviceId: DeviceId
  readonly platform: Platform
  readonly registry: Registry
  readonly policy: Policy
  readonly skewMs: number
  nowMs(): number
  keyOf(keyId: string): TrustedKey | null
  entryOf(actionId: ActionId): LedgerEntry | null
  cancelledUnseen(actionId: ActionId): boolean
}

export function judge(deps: GateDeps, untrusted: Order): Verdict {
  const parsed = orderSchema.safeParse(untrusted)
  if (!parsed.success) return { kind: 'turned-away', actionId: null, code: 'order_malformed', detail: 'not an order' }
  const given = parsed.data
  const away = (code: ErrorCode, detail: string): Verdict => ({
    kind: 'turned-away',
    actionId: claimedId(given.leaf),
    code,
    detail,
  })

  const signature = signatureFault(deps.keyOf(given.mandate.keyId), 'mandate', given.mandate)
  if (signature === 'unknown') return away('order_key_unknown', `no trusted key ${given.mandate.keyId}`)
  if (signature === 'invalid') return away('order_signature_invalid', 'the signature is not over these bytes')
  const mandate = looseMandate.safeParse(readOrNull(given.mandate.body))
  if (!mandate.success) return away('order_malformed', 'the mandate does not fit its schema')
  const leaf = leafSchema.safeParse(readOrNull(given.leaf))
  if (!leaf.success) return away('order_malformed', 'the share does not fit its schema')
  if (given.proof.size !== mandate.data.size || !isUnder(given, mandate.data.root))
    return away('order_not_ours', 'the share does not belong to the mandate')
  if (leaf.data.deviceId !== deps.deviceId) return away('order_not_ours', 'the share is for another device')
  if (leaf.data.kind !== mandate.data.kind) return away('order_malformed', 'mandate and share are not of one kind')

  const digest = digestOf(given)
  const known = deps.entryOf(leaf.data.actionId)
  if (known !== null)
    return Buffer.from(known.digest).equals(digest)
      ? { kind: 'seen', entry: known }
      : away('order_replayed', 'another order with this id was seen before')

  const params = leaf.data.kind === 'do' ? paramsOf(mandate.data.action, leaf.data.params) : null
  const order: VerifiedOrder = {
    actionId: leaf.data.actionId,
    digest,
    bytes: encode(given),
    mandate: mandate.data,
    leaf: leaf.data,
    target: params?.success === true ? params.target : null,
  }
  const outcome =
    timeFault(order.mandate, deps) ??
    cancelFault(order, deps) ??
    actionFault(order, params, deps) ??
    policyFault(order, deps)
  return outcome === null ? { kind: 'accepted', order } : { kind: 'ended', order, outcome }
}

/** Whether now is inside the window of a mandate; its end as an outcome when not. Asked again right before the action begins (LIFE3). */
export function timeFault(
  mandate: Pick<LooseMandate, 'notBefore' | 'expiresAt' | 'until'>,
  { nowMs, skewMs }: Pick<GateDeps, 'nowMs' | 'skewMs'>,
): Outcome | null {
  const at = nowMs()
  if (at < mandate.notBefore - skewMs)
    return {
      status: 'refused',
      code: 'order_not_yet_valid',
      detail: `valid from ${iso(mandate.notBefore)}; the clock of the device says ${iso(at)}`,
      at,
    }
  const expired = (detail: string): Outcome => ({ status: 'expired', code: 'order_expired', detail, at })
  if (at > mandate.expiresAt + skewMs)
    return expired(`valid until ${iso(mandate.expiresAt)}; the clock of the device says ${iso(at)}`)
  if (mandate.until !== null && at >= mandate.until)
    return expired(`its effect was to end at ${iso(mandate.until)}; the clock of the device says ${iso(at)}`)
  return null
}

/** What an accepted order said, read again from the bytes that were verified when it came. Throws only on a damaged journal. */
export function readOrder(bytes: Uint8Array): { mandate: LooseMandate; leaf: Leaf } {
  const order = orderSchema.parse(decode(bytes))
  return { mandate: looseMandate.parse(decode(order.mandate.body)), leaf: leafSchema.parse(decode(order.leaf)) }
}

/** `unknown`: no key of this name is trusted for this purpose. A recovery key vouches for keys and for nothing else (TRU4). */
export function signatureFault(
  key: TrustedKey | null,
  purpose: SigningPurpose,
  { body, signature }: Signed,
): 'unknown' | 'invalid' | null {
  if (key === null || key.retired || (key.recovery && purpose !== 'key')) return 'unknown'
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key.publicKey).toString('base64url') },
    format: 'jwk',
  })
  return verify(null, signedBytes(purpose, body), publicKey, signature) ? null : 'invalid'
}

/** The longest frame is far below what a time can hold; a time out of range is said as it is. */
const iso = (ms: number) => new Date(ms).toISOString()

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

const isUnder = ({ leaf, proof }: Order, root: Uint8Array) => {
  const reached = rootFrom(leaf, proof, sha256)
  return reached !== null && Buffer.from(reached).equals(root)
}

/** Over mandate and share, not over the proof or the signature: the same decision signed again is the same order. */
function digestOf({ mandate, leaf }: Order): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(mandate.body.length)
  return createHash('sha256').update(length).update(mandate.body).update(leaf).digest()
}

/** What the bytes say, within the limits of a frame; null for bytes that say nothing. */
export function readOrNull(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch {
    return null
  }
}

const claim = z.object({ actionId })

/** The id that a share claims, only to name it in the refusal. */
function claimedId(leaf: Uint8Array): ActionId | null {
  const read = claim.safeParse(readOrNull(leaf))
  return read.success ? read.data.actionId : null
}

type ReadParams =
  | { readonly success: true; readonly target: Target }
  | { readonly success: false; readonly detail: string }

function paramsOf(action: string, params: unknown): ReadParams | null {
  if (!isActionName(action)) return null
  const spec: ActionSpec = specOf(action)
  const read = spec.params.safeParse(params)
  if (!read.success) return { success: false, detail: sentence(z.prettifyError(read.error)) }
  return { success: true, target: spec.target(read.data) }
}

const cancelFault = ({ actionId: id }: VerifiedOrder, { cancelledUnseen, nowMs }: GateDeps): Outcome | null =>
  cancelledUnseen(id)
    ? { status: 'cancelled', code: 'order_cancelled', detail: 'cancelled before it reached the device', at: nowMs() }
    : null

function actionFault({ mandate }: VerifiedOrder, params: ReadParams | null, deps: GateDeps): Outcome | null {
  const refused = (code: ErrorCode, detail: string): Outcome => ({ status: 'refused', code, detail, at: deps.nowMs() })
  if (!isActionName(mandate.action)) return refused('action_unknown', `no action ${mandate.action} in this agent`)
  const support = supportOf(deps.registry, mandate.action, deps.platform)
  if (support !== null) return refused('action_unsupported', support)
  const { undo } = specOf(mandate.action)
  if ('irreversible' in undo) {
    if (mandate.kind === 'undo') return refused('not_undoable', undo.irreversible)
    if (mandate.until !== null) return refused('params_invalid', `no time limit is possible: ${undo.irreversible}`)
  }
  return params?.success === false ? refused('params_invalid', params.detail) : null
}

/** Why this platform cannot carry out the action, or null. */
export const supportOf = (registry: Registry, action: ActionName, platform: Platform): string | null => {
  const entry = registry[action][platform]
  return 'unsupported' in entry ? entry.unsupported : null
}

function policyFault({ mandate, target }: VerifiedOrder, { policy, nowMs }: GateDeps): Outcome | null {
  const reason = policy.forbids({ kind: mandate.kind, action: mandate.action, target, touches: null })
  return reason === null ? null : { status: 'refused', code: 'policy_forbids', detail: sentence(reason), at: nowMs() }
}
