import { v7 } from 'uuid'
import * as z from 'zod'

/** A UUIDv7 (RFC 9562) in lower-case text form; the brand says which thing it names. */
type Id<Kind extends string> = string & z.$brand<Kind>

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const id = <Kind extends string>(kind: Kind) => z.string().regex(pattern, `not a ${kind} id (UUIDv7)`).brand<Kind>()

export type DeviceId = Id<'device'>
export type ActionId = Id<'action'>
export type BatchId = Id<'batch'>
export type MandateId = Id<'mandate'>
export type OperatorId = Id<'operator'>
export type AlertId = Id<'alert'>
export type DecisionId = Id<'decision'>
export type DeviceGroupId = Id<'device group'>
export type EvidenceId = Id<'evidence'>
export type ExclusionId = Id<'exclusion'>
export type InvestigationId = Id<'investigation'>
export type NotificationRuleId = Id<'notification rule'>
export type ForwarderId = Id<'forwarder'>

export const deviceId = id('device')
export const actionId = id('action')
export const batchId = id('batch')
export const mandateId = id('mandate')
export const operatorId = id('operator')
export const alertId = id('alert')
export const decisionId = id('decision')
export const deviceGroupId = id('device group')
export const evidenceId = id('evidence')
export const exclusionId = id('exclusion')
export const investigationId = id('investigation')
export const notificationRuleId = id('notification rule')
export const forwarderId = id('forwarder')

/** Where new ids take their time and their 16 random bytes from, so that a run repeats from its seed. */
export interface IdSource {
  nowMs(): number
  random16(): Uint8Array
}

/** A new id of the kind that the caller's type asks for; ids made later sort later (millisecond grain). */
export const newId = <T extends string>(source: IdSource): T =>
  v7({ msecs: source.nowMs(), random: source.random16() }) as T
