import type { Logger } from 'pino'
import type { Audit } from '../audit/chain.ts'
import type { Devices } from '../gateway/seam.ts'
import type { Keys } from '../keys/keys.ts'
import type { Source } from '../source.ts'
import type { Store } from '../store/store.ts'

/** What the action center is built from. */
export interface ActionDeps {
  readonly store: Store
  readonly audit: Audit
  readonly keys: Pick<Keys, 'mandate' | 'statements'>
  readonly source: Source
  readonly devices: Devices
  readonly log: Logger
}
