import type { Transaction } from 'kysely'
import type { Logger } from 'pino'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Report } from '../../protocol/messages.ts'
import type { Audit } from '../audit/chain.ts'
import type { Devices } from '../gateway/seam.ts'
import type { Keys } from '../keys/keys.ts'
import type { Source } from '../source.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { ActionRow } from './life.ts'

/** What the action center is built from. */
export interface ActionDeps {
  readonly store: Store
  readonly audit: Audit
  readonly keys: Pick<Keys, 'mandate' | 'statements'>
  readonly source: Source
  readonly devices: Devices
  readonly log: Logger
  /** Called in the transaction of every step in the life of actions, with the rows as they then are. */
  readonly afterMove?: (transaction: Transaction<Schema>, moved: readonly ActionRow[]) => Promise<void>
  /** Takes in what a device has found, in the transaction of its report. */
  readonly takeAlert?: (transaction: Transaction<Schema>, device: DeviceId, found: DeviceAlert) => Promise<void>
}

export type DeviceAlert = Extract<Report, { kind: 'alert' }>
