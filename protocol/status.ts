import * as z from 'zod'
import type { ErrorCode } from './errors.ts'

/** Where an action stands in its life (LIFE1). */
export const status = z.enum([
  'pending-approval',
  'queued',
  'delivered',
  'running',
  'succeeded',
  'failed',
  'refused',
  'conflict',
  'rejected',
  'expired',
  'cancelled',
])
export type Status = z.infer<typeof status>

/**
 * Whether what the action did is in force now, as the device last proved it (LIFE2). `purged`: what it could be taken back with was
 * destroyed, by an action of its own; nothing is left to undo (VLT6).
 */
export const effect = z.enum(['none', 'in-force', 'reverted', 'lapsed', 'unknown', 'purged'])
export type Effect = z.infer<typeof effect>

/** How a device can end an action. */
export const endStatus = z.enum(['succeeded', 'failed', 'refused', 'conflict', 'expired', 'cancelled'])
export type EndStatus = z.infer<typeof endStatus>

export interface Standing {
  readonly status: Status
  readonly effect: Effect
}

/** What can happen to an action. `reported` events come from its device and may be late, doubled or out of order. */
export type LifeEvent =
  | { readonly kind: 'approve' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'expire' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'deliver' }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end'; readonly status: EndStatus; readonly effect: Effect }
  | { readonly kind: 'prove'; readonly effect: Exclude<Effect, 'none'> }

export type Step = { readonly ok: true; readonly standing: Standing } | { readonly ok: false; readonly code: ErrorCode }

const ends = new Set<Status>(['succeeded', 'failed', 'refused', 'conflict', 'rejected', 'expired', 'cancelled'])

export const hasEnded = (value: Status): boolean => ends.has(value)

/**
 * The table of legal transitions: which statuses an event may find, and the one it leads to. Whatever is not here is refused.
 * A device may report its end before its beginning was seen, so `end` is legal from `queued` on.
 */
const legal: {
  readonly [Kind in Exclude<LifeEvent['kind'], 'end' | 'prove'>]: {
    readonly from: readonly Status[]
    readonly to: Status
  }
} = {
  approve: { from: ['pending-approval'], to: 'queued' },
  reject: { from: ['pending-approval'], to: 'rejected' },
  expire: { from: ['pending-approval', 'queued'], to: 'expired' },
  cancel: { from: ['pending-approval', 'queued'], to: 'cancelled' },
  deliver: { from: ['queued'], to: 'delivered' },
  begin: { from: ['queued', 'delivered'], to: 'running' },
}

const endableFrom: readonly Status[] = ['queued', 'delivered', 'running']

/** Effects that may follow one another once an action has ended. `unknown` may become anything that is then proved. */
const provable: { readonly [From in Effect]: readonly Effect[] } = {
  none: [],
  'in-force': ['reverted', 'lapsed', 'unknown', 'purged'],
  unknown: ['in-force', 'reverted', 'lapsed', 'purged'],
  reverted: [],
  lapsed: [],
  purged: [],
}

/** One step in the life of an action. Pure; what is illegal changes nothing and is answered with a code (LIFE1). */
export function step(now: Standing, event: LifeEvent): Step {
  if (event.kind === 'prove') {
    if (!provable[now.effect].includes(event.effect)) return refused('transition_illegal')
    return { ok: true, standing: { status: now.status, effect: event.effect } }
  }
  if (hasEnded(now.status)) return refused('already_ended')
  if (event.kind === 'end') {
    if (!endableFrom.includes(now.status)) return refused('transition_illegal')
    return { ok: true, standing: { status: event.status, effect: event.effect } }
  }
  const { from, to } = legal[event.kind]
  if (!from.includes(now.status)) return refused('transition_illegal')
  return { ok: true, standing: { status: to, effect: now.effect } }
}

const refused = (code: ErrorCode): Step => ({ ok: false, code })
