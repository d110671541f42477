import type { Transaction } from 'kysely'
import type { Logger } from 'pino'
import type { DeviceId } from '../../protocol/ids.ts'
import type { EnrolAnswer } from '../../protocol/messages.ts'
import type { Audit } from '../audit/chain.ts'
import type { Keys } from '../keys/keys.ts'
import type { Source } from '../source.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Authority } from './ca.ts'
import type { Sealer } from './sealer.ts'

export interface DeviceDeps {
  readonly store: Store
  readonly authority: Authority
  readonly keys: Pick<Keys, 'mandate' | 'known'>
  readonly sealer: Sealer
  readonly audit: Audit
  readonly source: Source
  readonly log: Logger
  readonly settings: DeviceSettings
  /** Called after anything about a device changed, for those who watch. */
  changed(device: DeviceId): void
  /** Called in the transaction that let a device in, or changed its name, its tags or what it says of itself. */
  readonly regroup?: (transaction: Transaction<Schema>, device: DeviceId) => Promise<void>
}

export interface DeviceSettings {
  /** Where devices connect and what an isolated one must not reach, as devices see them. */
  readonly gateway: EnrolAnswer['gateway']
  readonly canary: EnrolAnswer['canary']
  /** Life of a device certificate; devices renew at two thirds of it. */
  readonly certificateLifeMs: number
  /** Life of a break-glass code; renewed at half of it. */
  readonly breakGlassLifeMs: number
}

const day = 86_400_000
export const defaultLives = { certificateLifeMs: 30 * day, breakGlassLifeMs: 30 * day } as const
