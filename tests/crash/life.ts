import type { Endpoint } from '../../protocol/actions/isolate-device.ts'
import { decode, encode } from '../../protocol/codec.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import { type Order, order as orderSchema } from '../../protocol/mandate.ts'
import type { InForceEntry, Report } from '../../protocol/messages.ts'

/** What one life of the agent is told on its command line, as JSON. */
export interface Life {
  readonly state: string
  readonly deviceId: DeviceId
  /** Seed of the key that orders are signed with. */
  readonly signer: string
  /** The order, encoded, in base64; null for a life that only starts and ends. */
  readonly order: string | null
  /** The event at which it kills itself, from 1; null to live. */
  readonly killAt: number | null
  /** File that says where it died. */
  readonly diedAt: string
  /** File with the {@link LifeReport}, for one that lived. */
  readonly answer: string
  readonly controlPlane: readonly Endpoint[]
  readonly canaries: readonly Endpoint[]
}

export interface LifeReport {
  readonly events: number
  readonly reports: readonly Report[]
  readonly inForce: readonly InForceEntry[]
}

export const orderText = (order: Order): string => Buffer.from(encode(order)).toString('base64')
export const orderFrom = (text: string): Order => orderSchema.parse(decode(Buffer.from(text, 'base64')))
