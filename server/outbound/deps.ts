import type { Logger } from 'pino'
import type { Audit } from '../audit/chain.ts'
import type { Sealer } from '../devices/sealer.ts'
import type { Source } from '../source.ts'
import type { Store } from '../store/store.ts'
import type { AddressGuard } from './address-guard.ts'

/** What everything that goes out is built from. */
export interface OutboundDeps {
  readonly store: Store
  readonly audit: Audit
  readonly source: Source
  readonly sealer: Sealer
  readonly guard: AddressGuard
  readonly log: Logger
}

const first = 30_000
const most = 3_600_000

/** How long to wait after so many failures: half a minute, doubled each time, at most an hour. */
export const backoffMs = (attempts: number): number => Math.min(first * 2 ** Math.min(attempts - 1, 20), most)
