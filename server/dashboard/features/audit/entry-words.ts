import { isActionName, specOf } from '../../../../protocol/actions/index.ts'
import type { Me } from '../../app/session.ts'
import { visible } from '../../ui/plain-text.tsx'

/** One entry of the chain, as the API has it. */
export interface Entry {
  readonly sequence: number
  readonly at: number
  readonly actor: string
  readonly kind: string
  readonly body: Readonly<Record<string, unknown>>
  readonly hash: string
}

/** Kinds of entry with the words for them; what is not here is shown by its kind alone. */
const words: Readonly<Record<string, string>> = {
  'action.requested': 'asked for',
  'action.undo-requested': 'asked to take back',
  'action.approved': 'approved',
  'action.approved-in-part': 'approved, as the first of two',
  'action.rejected': 'rejected',
  'action.cancelled': 'cancelled',
  'action.cancel-asked': 'asked the device to stop',
  'action.superseded': 'put a newer action in its place',
  'action.expired': 'let it expire',
  'action.delivered': 'stored the order',
  'action.sent': 'sent the order',
  'action.begun': 'began',
  'action.succeeded': 'succeeded',
  'action.failed': 'failed',
  'action.refused': 'refused',
  'action.conflict': 'found the place changed, touched nothing',
  'action.withheld': 'withheld the order: who asked may no longer',
  'action.cancel-too-late': 'answered that the cancel came too late',
  'action.device-gone': 'ended what waited for a device that is gone',
  'action.tampered': 'found that somebody tampered with an effect',
  'action.effect-in-force': 'proved an effect',
  'action.effect-reverted': 'said an effect is taken back',
  'action.effect-lapsed': 'said an effect has lapsed',
  'action.effect-unknown': 'could not prove an effect',
  'action.effect-purged': 'said that what it had taken is purged',
  'alert.received': 'was told of an alert',
  'alert.assigned': 'gave an alert to somebody',
  'investigation.opened': 'opened an investigation',
  'investigation.ended': 'ended an investigation',
  'investigation.terminated': 'called an investigation off',
  'rollout.planned': 'planned a rollout in waves',
  'rollout.changed': 'moved a rollout on',
  'device.enrolled': 'enrolled',
  'device.enrolled-again': 'enrolled once more',
  'device.moved': 'moved to another group',
  'device.alert': 'raised an alert',
  'device.reports-lost': 'lost reports',
  'device.described': 'changed name or tags of a device',
  'device.revoked': 'revoked a device',
  'device.certificate-renewed': 'renewed its certificate',
  'enrolment-token.created': 'made an enrolment token',
  'enrolment-token.withdrawn': 'withdrew an enrolment token',
  'break-glass.revealed': 'was shown a break-glass code',
  'break-glass.asked-for': 'asked for a break-glass code',
  'operator.signed-in': 'signed in',
  'operator.sign-in-failed': 'refused a sign-in',
  'operator.added': 'added somebody',
  'operator.changed': 'changed somebody’s role or access',
  'operator.session-ended': 'ended a session',
  'setting.changed': 'changed a rule',
  'token.made': 'made an API token',
  'token.revoked': 'revoked an API token',
  'role.created': 'made a role',
  'role.changed': 'changed a role',
  'role.deleted': 'deleted a role',
  'client.created': 'made an API client',
  'client.secret-renewed': 'gave an API client a new secret',
  'client.signed-in': 'let an API client in',
  'client.sign-in-failed': 'refused an API client',
  'client.revoked': 'revoked an API client',
  'notification.rule-created': 'made a notification rule',
  'notification.rule-changed': 'changed a notification rule',
  'notification.rule-deleted': 'deleted a notification rule',
  'notification.given-up': 'gave up telling somebody',
  'mail.set': 'set the mail server',
  'forwarder.created': 'made a forwarder',
  'forwarder.changed': 'changed a forwarder',
  'forwarder.deleted': 'deleted a forwarder',
  'group.created': 'made a device group',
  'group.changed': 'changed a device group',
  'group.moved': 'ranked a device group',
  'group.deleted': 'deleted a device group',
  'exclusion.added': 'added an exclusion',
  'exclusion.removed': 'ended an exclusion',
  'vault.collected': 'sent a copy of a quarantined file',
  'vault.downloaded': 'downloaded a quarantined file',
  'audit.exported': 'exported the chain',
  'key.rotated': 'made a new mandate key',
  'server.set-up': 'set the control plane up',
  'server.started': 'started',
  'server.stopped': 'stopped',
}

export const kinds: { value: string; label: string }[] = Object.entries(words).map(([value, label]) => ({
  value,
  label: `${label} (${value})`,
}))

const nothing: Entry['body'] = {}
/** What is said of the one action an entry is about, where the entry itself says it. */
const outcomeOf = ({ outcome }: Entry['body']): Entry['body'] =>
  typeof outcome === 'object' && outcome !== null ? (outcome as Entry['body']) : nothing

const some = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? visible(value) : null)

/** An entry as a phrase: what was done, to how many, and why. */
export function deedOf({ kind, body }: { kind: string; body: Readonly<Record<string, unknown>> }): string {
  const base = words[kind] ?? kind
  const action =
    typeof body.action === 'string' && isActionName(body.action) ? `: ${specOf(body.action).title.toLowerCase()}` : ''
  const members = Array.isArray(body.members) ? body.members : Array.isArray(body.actions) ? body.actions : []
  const many = members.length > 1 ? `, ${members.length} actions` : ''
  const about =
    some(body.comment) ??
    some(body.name) ??
    some(body.title) ??
    some(body.detail) ??
    some(body.reason) ??
    some(outcomeOf(body).detail)
  return `${base}${action}${many}${about === null ? '' : ` · ${about}`}`
}

/** Who did it, person or device, by name where that is known. */
export function nameOfActor(actor: string, names: ReadonlyMap<string, string>, me: Me | null): string {
  const [kind, id = ''] = actor.split(':', 2)
  if (kind === 'operator') return names.get(id) ?? (me?.id === id ? me.name : `operator …${id.slice(-6)}`)
  if (kind === 'device') return names.get(id) ?? `device …${id.slice(-6)}`
  return 'the control plane'
}
